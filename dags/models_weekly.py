"""Models trained anew each Saturday, judged against those in use, and promoted where the gate says so.

`train_forecast` reads `gold.returns_daily_v1` at one Delta version, walks the model forward over the last years and
registers it in MLflow as challenger, with the gate's words on the version. `promote_models` puts every challenger to
use that its gate has accepted, one at a time, and appends to `ops.model_promotion`; what is refused is logged, and the
champion stays. With `TIDEMARK_MLFLOW__APPROVAL=true` a person approves before it, in Airflow.

**If it fails** in a training with "cannot be trained on", the history is too short or broken: look at the table named.
If MLflow or the lake did not answer, clear the task; a training that was registered already finds its version again.
**If a promoted model does harm**: `tidemark model rollback NAME --reason WHY`.
"""

from airflow.sdk import chain

from dags.kit.approval import approved
from dags.kit.dag import lakehouse_dag  # Airflow reads only files that name it
from dags.kit.operator import submit
from dags.kit.schedules import weekly

with lakehouse_dag("models_weekly", doc=__doc__, owner="research", tier="tier_2", schedule=weekly()):
    chain(submit("train_forecast"), *approved("promote_models", subject="Promote the models that the gate accepted?"))
