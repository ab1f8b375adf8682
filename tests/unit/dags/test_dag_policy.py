"""Every DAG, walked: which there are, and what each must say about itself."""

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TriggerRule
from airflow.serialization.decoders import decode_timetable
from airflow.serialization.encoders import encode_timetable

from dags.kit.dag import TIERS
from dags.kit.operator import BACKOFF, MAX_RETRY_DELAY, JobOperator
from lakehouse.contracts.job_process import POOLS
from lakehouse.contracts.jobs import JOBS
from lakehouse.settings import project_root

FOLDER = project_root() / "dags"
EXPECTED = {
    "alert_monitor",
    "allocate_portfolios",
    "backtests_weekly",
    "books_nightly",
    "market_daily",
    "risk_daily",
    "lake_maintenance",
    "models_weekly",
    "rebalance_daily",
}


@pytest.fixture(scope="module")
def bag() -> DagBag:
    """The DAG folder as the dag-processor reads it."""
    return DagBag(str(FOLDER), safe_mode=True)


@pytest.fixture(params=sorted(EXPECTED))
def dag(request: pytest.FixtureRequest, bag: DagBag) -> DAG:
    """Each DAG."""
    found: DAG = bag.dags[request.param]
    return found


def tasks(dag: DAG) -> Iterator[JobOperator]:
    """The DAG's tasks, all of which are jobs but for marks, which run nothing."""
    for task in dag.tasks:
        assert type(task) in {JobOperator, EmptyOperator}
        if isinstance(task, JobOperator):
            yield task


def scheduled(dag: DAG) -> Any:
    """The DAG's timetable as the scheduler has it."""
    return decode_timetable(encode_timetable(dag.timetable))


def test_there_are_exactly_these_dags_and_no_import_error(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert set(bag.dag_ids) == EXPECTED


def test_a_dag_file_is_wiring(bag: DagBag) -> None:
    for path in FOLDER.glob("*.py"):
        source = path.read_text()
        allowed = (ast.Import, ast.ImportFrom, ast.Expr, ast.Assign, ast.With)
        assert len(source.splitlines()) < 80, path.name
        assert all(isinstance(node, allowed) for node in ast.parse(source).body), f"{path.name} defines something"
    assert {path.stem for path in FOLDER.glob("*.py")} == {*bag.dag_ids, "__init__"}


def test_a_dag_is_documented_owned_and_tiered(dag: DAG) -> None:
    assert dag.doc_md
    assert "**If it" in dag.doc_md or "Nothing waits for it" in dag.doc_md, "say what to do when it fails"
    assert dag.description
    assert len(TIERS & set(dag.tags)) == 1
    assert dag.default_args["owner"] in dag.tags


def test_a_dag_runs_once_at_a_time_and_does_not_catch_up(dag: DAG) -> None:
    assert (dag.max_active_runs, dag.catchup) == (1, False)
    assert dag.dagrun_timeout is not None
    assert all(task.execution_timeout and task.execution_timeout <= dag.dagrun_timeout for task in tasks(dag))


def test_a_dags_tier_is_that_of_its_most_urgent_job(dag: DAG) -> None:
    assert min(task.spec.tier for task in tasks(dag)) in dag.tags


def test_a_task_says_all_that_its_spec_says(dag: DAG) -> None:
    for task in tasks(dag):
        spec = JOBS[task.task_id]
        assert (task.owner, task.pool, task.retries) == (spec.owner, spec.pool, spec.retries)
        assert task.retry_delay == timedelta(seconds=spec.retry_delay_s)
        assert task.execution_timeout == timedelta(seconds=spec.timeout_s)
        assert tuple(found.name for found in task.inlets) == spec.inputs
        assert tuple(found.name for found in task.outlets) == spec.outputs
        assert spec.doc in (task.doc_md or "")


def test_a_task_backs_off_and_waits_in_a_pool_that_exists(dag: DAG) -> None:
    for task in tasks(dag):
        assert task.retries
        assert task.retry_exponential_backoff == BACKOFF == 2.0
        assert task.max_retry_delay == MAX_RETRY_DELAY
        assert task.pool in POOLS


def test_a_task_starts_after_every_task_of_its_dag_that_writes_what_it_reads(dag: DAG) -> None:
    for task in tasks(dag):
        before = task.get_flat_relative_ids(upstream=True)
        for other in tasks(dag):
            if other is not task and set(other.spec.outputs) & set(task.spec.inputs):
                assert other.task_id in before


def test_every_job_is_in_a_dag(bag: DagBag) -> None:
    assert {task.task_id for dag in bag.dags.values() for task in tasks(dag)} == set(JOBS)


def test_a_failed_training_stops_no_promotion_and_is_seen_in_the_run(bag: DagBag) -> None:
    dag = bag.dags["models_weekly"]
    trainings = {name for name in JOBS if name.startswith("train_")}
    promoting, mark = dag.get_task("promote_models"), dag.get_task("all_trained")
    assert promoting.upstream_task_ids == mark.upstream_task_ids == trainings
    assert promoting.trigger_rule == TriggerRule.ALL_DONE_MIN_ONE_SUCCESS
    assert mark.trigger_rule == TriggerRule.ALL_SUCCESS
    assert {leaf.task_id for leaf in dag.leaves} == {"promote_models", "all_trained"}  # these make the run's state


def test_every_awaited_table_has_a_producer_in_another_dag(bag: DagBag) -> None:
    produced = {out.uri: dag.dag_id for dag in bag.dags.values() for task in dag.tasks for out in task.outlets}
    partitioned = {dag_id: scheduled(dag) for dag_id, dag in bag.dags.items()}
    awaited = {
        (dag_id, key.uri)
        for dag_id, timetable in partitioned.items()
        if timetable.asset_condition
        for key, _ in timetable.asset_condition.iter_assets()
    }
    assert awaited == {
        ("risk_daily", "tidemark://gold/returns_daily_v1"),
        ("risk_daily", "tidemark://silver/daily_bars_v1"),
        ("rebalance_daily", "tidemark://gold/returns_daily_v1"),
        ("rebalance_daily", "tidemark://silver/fx_rates_v1"),
        ("rebalance_daily", "tidemark://silver/positions_v1"),
    }
    assert all(produced[uri] != dag_id for dag_id, uri in awaited)
    assert all(timetable.partitioned for timetable in partitioned.values())


def test_an_asset_uri_is_not_an_address(bag: DagBag) -> None:
    uris = {found.uri for dag in bag.dags.values() for task in dag.tasks for found in (*task.inlets, *task.outlets)}
    assert all(re.fullmatch(r"tidemark://[a-z]+/[a-z0-9_]+", uri) for uri in uris)
