"""How good the registered models are and whether they still see what they were trained on, for analysts."""

from lakehouse.contracts.model import Column, Store, Table, Type

MODEL_QUALITY = Table(
    name="ops.model_quality_v1",
    doc="Numbers of every registered version: tests on data that it had not seen, calibration, drift of its inputs.",
    grain="model, version, business_date, aspect, subject, metric",
    owner="research",
    columns=(
        Column("model", Type.STRING, "registered model, as `tidemark model list` names it"),
        Column("version", Type.INT32, "its version in MLflow"),
        Column("business_date", Type.DATE, "day that the training was run for"),
        Column("aspect", Type.STRING, "fold, frozen, calibration or drift"),
        Column("subject", Type.STRING, "number of the fold, set, bin from-to, or feature"),
        Column("metric", Type.STRING, "what `value` is, as average_precision, brier, psi, ks or q_value"),
        Column("value", Type.FLOAT64, "the number; shares are fractions"),
        Column("sample_count", Type.INT64, "cases behind it; 0 where that is not told"),
        Column("verdict", Type.STRING, "of drift: too_few, stable, moved or drifted; empty otherwise"),
        Column("mlflow_run_id", Type.STRING, "run of the training, which holds the same numbers"),
        Column("recorded_at", Type.TIMESTAMP, "when"),
    ),
    key=("model", "version", "business_date", "aspect", "subject", "metric"),
    stores=(Store.CLICKHOUSE,),
    checks=("aspect IN ('fold', 'frozen', 'calibration', 'drift')", "version > 0 AND sample_count >= 0"),
)

TABLES = (MODEL_QUALITY,)
