"""The demo's DAG runs: triggered through Airflow's own API, so that they stand in its UI like any other."""

from collections.abc import Callable
from dataclasses import dataclass

from lakehouse.clock import Clock
from lakehouse.stores.airflow import AirflowClient, Run, TaskInstance, Update

MARKET_DAG, RISK_DAG, REBALANCE_DAG = "market_daily", "risk_daily", "rebalance_daily"
WEEKLY_DAGS = ("backtests_weekly", "models_weekly")
DAGS = frozenset({MARKET_DAG, RISK_DAG, REBALANCE_DAG, *WEEKLY_DAGS})
DAGS_TIMEOUT_S = 120.0
RUN_TIMEOUT_S = 1800.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A DAG run that succeeded, with its tasks' durations in the order they ended; `is_earlier`: one that was there
    before."""

    dag_id: str
    business_date: str
    seconds: float
    tasks: tuple[tuple[str, float], ...]
    is_earlier: bool = False


@dataclass(frozen=True, slots=True)
class Follower:
    """Follows runs to their ends, and tells how far they are."""

    client: AirflowClient
    clock: Clock
    tell: Tell

    def finish(self, dag_id: str, run_id: str) -> Run:
        """Wait for a run. Raises RunFailedError with the failed task's own message, RunTimedOutError."""
        return self.client.wait(dag_id, run_id, clock=self.clock, timeout_s=RUN_TIMEOUT_S, on_update=_teller(self.tell))

    def consumer(self, dag_id: str, of: Run) -> Run:
        """Wait for the run that the tables of another have started, to its end."""
        self.tell(f"{dag_id}: waiting for the tables of {of.partition_key}")
        begun = self.client.wait_consumer(dag_id, of=of, clock=self.clock, timeout_s=RUN_TIMEOUT_S)
        return self.finish(dag_id, begun.run_id)


def run_day(
    client: AirflowClient, business_date: str, day_before: str, *, clock: Clock, tell: Tell
) -> tuple[FinishedRun, ...]:
    """Trigger the market's DAG for a day, follow the DAGs that its tables start, and beside them those of the week and
    the risk of the day before, so that there is a yesterday; all of them, in the order of the day. What an earlier demo
    has made of the week and of the day before is not made again.

    Raises RunFailedError with the failed task's own message, RunTimedOutError.
    """
    client.wait_dags(DAGS, clock=clock, timeout_s=DAGS_TIMEOUT_S)
    follower = Follower(client, clock, tell)
    asides = [(RISK_DAG, day_before), *((dag_id, business_date) for dag_id in WEEKLY_DAGS)]
    earlier = {each: _succeeded(client, *each) for each in asides}
    market = follower.finish(MARKET_DAG, client.trigger(MARKET_DAG, partition_key=business_date))
    begun = {each: client.trigger(each[0], partition_key=each[1]) for each in asides if earlier[each] is None}
    daily = [_finished(client, follower.consumer(dag_id, market)) for dag_id in (RISK_DAG, REBALANCE_DAG)]
    others = [
        _finished(client, run, is_earlier=True)
        if (run := earlier[each])
        else _finished(client, follower.finish(each[0], begun[each]))
        for each in asides
    ]
    return (_finished(client, market), *daily, *others)


def _teller(tell: Tell) -> Update:
    def update(run: Run, tasks: tuple[TaskInstance, ...]) -> None:
        done = sum(task.state == "success" for task in tasks)
        running = ", ".join(task.task_id for task in tasks if task.state == "running")
        tell(f"{run.dag_id}: {done} of {len(tasks)} jobs done" + (f", running {running}" if running else ""))

    return update


def _succeeded(client: AirflowClient, dag_id: str, partition_key: str) -> Run | None:
    """The newest run for a date that succeeded."""
    runs = client.runs(dag_id, partition_key=partition_key)
    return next((run for run in runs if run.state == "success"), None)


def _finished(client: AirflowClient, run: Run, *, is_earlier: bool = False) -> FinishedRun:
    tasks = sorted(
        (task for task in client.task_instances(run.dag_id, run.run_id) if task.end_date is not None),
        key=lambda task: (task.end_date is None, task.end_date),
    )
    # Runs overlap: one that is started by tables begins as soon as those that it reads are there.
    took = (run.end_date - run.start_date).total_seconds() if run.start_date and run.end_date else 0.0
    told = tuple((task.task_id, task.duration or 0.0) for task in tasks)
    return FinishedRun(run.dag_id, run.partition_key or "", took, told, is_earlier)
