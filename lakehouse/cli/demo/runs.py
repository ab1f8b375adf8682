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
    run_id = client.trigger(MARKET_DAG, partition_key=business_date)
    market = client.wait(MARKET_DAG, run_id, clock=clock, timeout_s=RUN_TIMEOUT_S, on_update=_teller(tell))
    tell(f"{RISK_DAG}: waiting for the tables of {business_date}")
    risk = client.wait_consumer(RISK_DAG, of=market, clock=clock, timeout_s=RUN_TIMEOUT_S)
    risk = client.wait(RISK_DAG, risk.run_id, clock=clock, timeout_s=RUN_TIMEOUT_S, on_update=_teller(tell))
    return _finished(client, market), _finished(client, risk)


def _teller(tell: Tell) -> Update:
    def update(run: Run, tasks: tuple[TaskInstance, ...]) -> None:
        done = sum(task.state == "success" for task in tasks)
        running = ", ".join(task.task_id for task in tasks if task.state == "running")
        tell(f"{run.dag_id}: {done} of {len(tasks)} jobs done" + (f", running {running}" if running else ""))

    return update


def _finished(client: AirflowClient, run: Run) -> FinishedRun:
    tasks = sorted(
        (task for task in client.task_instances(run.dag_id, run.run_id) if task.end_date is not None),
        key=lambda task: (task.end_date is None, task.end_date),
    )
    # The two runs overlap: the risk run starts as soon as the tables that it reads are there.
    took = (run.end_date - run.start_date).total_seconds() if run.start_date and run.end_date else 0.0
    return FinishedRun(run.dag_id, took, tuple((task.task_id, task.duration or 0.0) for task in tasks))
