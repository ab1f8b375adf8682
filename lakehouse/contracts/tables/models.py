"""Models: who put which version to use, when and why."""

from lakehouse.contracts.model import Column, Store, Table, Type

MODEL_PROMOTION = Table(
    name="ops.model_promotion",
    doc="Every change of the version of a model in use. Rows are added and never changed.",
    grain="seq",
    owner="research",
    columns=(
        Column("seq", Type.INT64, "order of deciding"),
        Column("model", Type.STRING, "registered model"),
        Column("kind", Type.STRING, "promoted, rolled_back, or observed (the alias was moved in MLflow itself)"),
        Column("from_version", Type.INT32, "version in use before; absent for the first", nullable=True),
        Column("to_version", Type.INT32, "version in use since"),
        Column(
            "approver",
            Type.STRING,
            "who decided: gate, a person by the name of the login used, or unknown for what was observed",
        ),
        Column("reason", Type.STRING, "why, in words"),
        Column("verdict", Type.JSON, "what the gate said: accepted, reasons, champion_version, frozen set, numbers"),
        Column("metrics", Type.JSON, "metrics of the version's training"),
        Column("data_versions", Type.JSON, "Delta versions that it was trained on, by table"),
        Column("mlflow_run_id", Type.STRING, "run of its training"),
        Column("code_version", Type.STRING, "code that decided"),
        Column("decided_at", Type.TIMESTAMP, "when"),
    ),
    key=("seq",),
    stores=(Store.POSTGRES,),
)

TABLES = (MODEL_PROMOTION,)
