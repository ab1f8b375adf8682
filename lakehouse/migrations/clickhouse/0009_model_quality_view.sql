CREATE OR REPLACE VIEW model_quality
(
    model String COMMENT 'registered model, as `tidemark model list` names it | unit: text | currency: none | grain: model, version, business_date, aspect, subject, metric | source: ops.model_quality_v1 | refresh: when a training records a version',
    version Int32 COMMENT 'its version in MLflow | unit: number | currency: none | grain: model, version, business_date, aspect, subject, metric | source: ops.model_quality_v1 | refresh: when a training records a version',
    business_date Date32 COMMENT 'day that the training was run for | unit: date | currency: none | grain: model, version, business_date, aspect, subject, metric | source: ops.model_quality_v1 | refresh: when a training records a version',
    aspect String COMMENT 'fold, frozen, calibration or drift | unit: text | currency: none | grain: model, version, business_date, aspect, subject, metric | source: ops.model_quality_v1 | refresh: when a training records a version',
    subject String COMMENT 'number of the fold, set, bin from-to, or feature | unit: text | currency: none | grain: model, version, business_date, aspect, subject, metric | source: ops.model_quality_v1 | refresh: when a training records a version',
    metric String COMMENT 'what value is, as average_precision, brier, psi, ks or q_value | unit: text | currency: none | grain: model, version, business_date, aspect, subject, metric | source: ops.model_quality_v1 | refresh: when a training records a version',
    value Float64 COMMENT 'the number that metric names; shares are 1 for 100 % | unit: number | currency: none | grain: model, version, business_date, aspect, subject, metric | source: ops.model_quality_v1 | refresh: when a training records a version',
    sample_count Int64 COMMENT 'cases behind it; 0 where that is not told | unit: count | currency: none | grain: model, version, business_date, aspect, subject, metric | source: ops.model_quality_v1 | refresh: when a training records a version',
    verdict String COMMENT 'of drift: too_few, stable, moved or drifted; empty otherwise | unit: text | currency: none | grain: model, version, business_date, aspect, subject, metric | source: ops.model_quality_v1 | refresh: when a training records a version',
    mlflow_run_id String COMMENT 'run of the training, which holds the same numbers | unit: text | currency: none | grain: model, version, business_date, aspect, subject, metric | source: ops.model_quality_v1 | refresh: when a training records a version',
    recorded_at DateTime64(6, 'UTC') COMMENT 'when the numbers were recorded | unit: instant (UTC) | currency: none | grain: model, version, business_date, aspect, subject, metric | source: ops.model_quality_v1 | refresh: when a training records a version'
)
AS
SELECT
    model,
    version,
    business_date,
    aspect,
    subject,
    metric,
    value,
    sample_count,
    verdict,
    mlflow_run_id,
    recorded_at
FROM model_quality_v1
COMMENT 'What trainings have measured of every registered version: tests on data that it had not seen, calibration, and drift of its inputs.';
