-- What trainings have measured of every registered version, for analysts.
CREATE TABLE IF NOT EXISTS `model_quality_v1`
(
    `model` String COMMENT 'registered model, as `tidemark model list` names it',
    `version` Int32 COMMENT 'its version in MLflow',
    `business_date` Date32 COMMENT 'day that the training was run for',
    `aspect` String COMMENT 'fold, frozen, calibration or drift',
    `subject` String COMMENT 'number of the fold, set, bin from-to, or feature',
    `metric` String COMMENT 'what `value` is, as average_precision, brier, psi, ks or q_value',
    `value` Float64 COMMENT 'the number; shares are fractions',
    `sample_count` Int64 COMMENT 'cases behind it; 0 where that is not told',
    `verdict` String COMMENT 'of drift: too_few, stable, moved or drifted; empty otherwise',
    `mlflow_run_id` String COMMENT 'run of the training, which holds the same numbers',
    `recorded_at` DateTime64(6, 'UTC') COMMENT 'when',
    CONSTRAINT model_quality_v1_check_1 CHECK aspect IN ('fold', 'frozen', 'calibration', 'drift'),
    CONSTRAINT model_quality_v1_check_2 CHECK version > 0 AND sample_count >= 0
)
ENGINE = MergeTree
ORDER BY (`model`, `version`, `business_date`, `aspect`, `subject`, `metric`)
COMMENT 'Numbers of every registered version: tests on data that it had not seen, calibration, drift of its inputs. One row per model, version, business_date, aspect, subject, metric.';
