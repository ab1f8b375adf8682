"""The demo's DAG runs: triggered through Airflow's own API, so that they stand in its UI like any other."""

from collections.abc import Callable
from dataclasses import dataclass

from lakehouse.clock import Clock
from lakehouse.stores.airflow import AirflowClient, Run, TaskInstance, Update

MARKET_DAG, RISK_DAG = "market_daily", "risk_daily"
DAGS_TIMEOUT_S = 120.0
RUN_TIMEOUT_S = 900.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A DAG run that succeeded, with its tasks' durations in the order they ended."""

    dag_id: str
    seconds: float
    tasks: tuple[tuple[str, float], ...]


def run_day(client: AirflowClient, business_date: str, *, clock: Clock, tell: Tell) -> tuple[FinishedRun, FinishedRun]:
    """Trigger the market's DAG for a day, follow the risk DAG that its tables start, and return both.

    Raises RunFailedError with the failed task's own message, RunTimedOutError.
    """
    client.wait_dags(frozenset({MARKET_DAG, RISK_DAG}), clock=clock, timeout_s=DAGS_TIMEOUT_S)
    begun = clock.monotonic()
    run_id = client.trigger(MARKET_DAG, partition_key=business_date)
    market = client.wait(MARKET_DAG, run_id, clock=clock, timeout_s=RUN_TIMEOUT_S, on_update=_teller(tell))
    first = _finished(client, market, clock.monotonic() - begun)
    tell(f"{RISK_DAG}: waiting for the tables of {business_date}")
    begun = clock.monotonic()
    risk = client.wait_consumer(RISK_DAG, of=market, clock=clock, timeout_s=RUN_TIMEOUT_S)
    risk = client.wait(RISK_DAG, risk.run_id, clock=clock, timeout_s=RUN_TIMEOUT_S, on_update=_teller(tell))
    return first, _finished(client, risk, clock.monotonic() - begun)


def _teller(tell: Tell) -> Update:
    def update(run: Run, tasks: tuple[TaskInstance, ...]) -> None:
        done = sum(task.state == "success" for task in tasks)
        running = ", ".join(task.task_id for task in tasks if task.state == "running")
        tell(f"{run.dag_id}: {done} of {len(tasks)} jobs done" + (f", running {running}" if running else ""))

    return update


def _finished(client: AirflowClient, run: Run, seconds: float) -> FinishedRun:
    tasks = sorted(
        (task for task in client.task_instances(run.dag_id, run.run_id) if task.end_date is not None),
        key=lambda task: (task.end_date is None, task.end_date),
    )
    return FinishedRun(run.dag_id, seconds, tuple((task.task_id, task.duration or 0.0) for task in tasks))
