"""DAGs of small jobs that end in every way a job can, made by the platform's own kit for Airflow."""

from dataclasses import replace

from dags.kit.approval import after_trainings, run_timeout
from dags.kit.dag import lakehouse_dag
from dags.kit.operator import task_of
from dags.kit.schedules import nightly, when_published
from lakehouse.contracts.model import Job

PROBES = "tests.integration.airflow.probes"
RETURNS, BARS, RISK = "gold.returns_daily_v1", "silver.daily_bars_v1", "gold.portfolio_risk_v1"


def probe(name: str, module: str, *outputs: str) -> Job:
    """A job of the tests that is tried once more after a second."""
    spec = Job(name, f"Probe {name}.", f"{PROBES}.{module}", "platform", inputs=(), outputs=outputs)
    return replace(spec, timeout_s=300, retries=1, retry_delay_s=1)


with lakehouse_dag("probe_market", doc=__doc__, owner="platform", tier="tier_3", schedule=nightly()):
    task_of(probe("returns", "publishes", RETURNS)) >> task_of(probe("bars", "publishes", BARS))

as_risk_daily = when_published(("positions_daily", "var_batch"))
with lakehouse_dag("probe_risk", doc=__doc__, owner="platform", tier="tier_3", schedule=as_risk_daily):
    task_of(probe("risk", "publishes", RISK))

with lakehouse_dag("probe_holiday", doc=__doc__, owner="platform", tier="tier_3", schedule=nightly()):
    task_of(probe("holiday", "holiday", RETURNS)) >> task_of(probe("after", "publishes"))

for name, module in {"flaky": "flaky", "bad_data": "bad_data", "undated": "publishes", "burst": "publishes"}.items():
    with lakehouse_dag(f"probe_{name}", doc=__doc__, owner="platform", tier="tier_3", schedule=nightly()):
        task_of(probe(name, module))

for name, modules in {"trained": ("publishes", "publishes"), "half_trained": ("publishes", "bad_data")}.items():
    with lakehouse_dag(
        f"probe_{name}", doc=__doc__, owner="platform", tier="tier_3", schedule=nightly(), timeout=run_timeout()
    ):
        trainings = [task_of(probe(f"train_{number}", module)) for number, module in enumerate(modules)]
        after_trainings(trainings, probe("promote", "approved"), subject="Promote?")

with lakehouse_dag("probe_slow", doc=__doc__, owner="platform", tier="tier_3", schedule=nightly()):
    task_of(replace(probe("slow", "slow"), retries=0))

with lakehouse_dag("probe_timeout", doc=__doc__, owner="platform", tier="tier_3", schedule=nightly()):
    task_of(replace(probe("late", "slow"), retries=0, timeout_s=15))
