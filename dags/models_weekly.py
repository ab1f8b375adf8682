"""Models trained anew each Saturday, judged against those in use, and promoted where the gate says so.

`train_forecast` and `train_regime` read `gold.returns_daily_v1` at one Delta version; `train_fraud`,
`train_surveillance` and `train_identity` learn from generated histories, and say so. Each walks its model forward and
registers it in MLflow as challenger, with the gate's words on the version; what was measured is in ClickHouse, in
`model_quality`. `promote_models` puts every challenger of the day to use that its gate has accepted, one at a time, and
appends to `ops.model_promotion`; what is refused is logged, and the champion stays. With
`TIDEMARK_MLFLOW__APPROVAL=true` a person approves before it, in Airflow, within six days.

**If it fails** in a training, the other models are promoted all the same and that one keeps its champion; `all_trained`
stands for all of them. With "cannot be trained on", the history is too short or broken: look at the table named. If
MLflow or the lake did not answer, clear the task and `promote_models`; a training that was registered already finds its
version again.
**If a promoted model does harm**: `tidemark model rollback NAME --reason WHY`.
"""

from dags.kit.approval import after_trainings, run_timeout
from dags.kit.dag import lakehouse_dag  # Airflow reads only files that name it
from dags.kit.operator import submit
from dags.kit.schedules import weekly
from lakehouse.contracts.jobs import PROMOTE_MODELS

TRAININGS = ("train_forecast", "train_regime", "train_fraud", "train_surveillance", "train_identity")

with lakehouse_dag(
    "models_weekly", doc=__doc__, owner="research", tier="tier_2", schedule=weekly(), timeout=run_timeout()
):
    after_trainings(
        [submit(name) for name in TRAININGS],
        PROMOTE_MODELS,
        subject="Promote the models that the gate accepted?",
    )
