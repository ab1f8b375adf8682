"""Jobs as Airflow tasks: partitions, events, retries, and every way to end, on a real Airflow."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from lakehouse.stores.airflow import (
    AirflowClient,
    AirflowRefusedError,
    Run,
    RunFailedError,
    RunTimedOutError,
    TaskInstance,
)
from tests.factories.airflow_stack import CLOCK, AirflowStack

pytestmark = pytest.mark.integration
DAY = "2022-12-28"
TIMEOUT_S = 300.0


def finish(client: AirflowClient, dag_id: str, *, partition_key: str | None = DAY) -> Run:
    """Trigger a DAG and wait for its success."""
    return client.wait(dag_id, client.trigger(dag_id, partition_key=partition_key), clock=CLOCK, timeout_s=TIMEOUT_S)


class TestPartitions:
    def test_two_published_tables_of_one_day_start_the_consumer_for_that_day(self, client: AirflowClient) -> None:
        seen: list[tuple[Run, tuple[TaskInstance, ...]]] = []
        run_id = client.trigger("probe_market", partition_key=DAY)
        market = client.wait(
            "probe_market",
            run_id,
            clock=CLOCK,
            timeout_s=TIMEOUT_S,
            on_update=lambda run, tasks: seen.append((run, tasks)),
        )
        started = client.wait_consumer("probe_risk", of=market, clock=CLOCK, timeout_s=TIMEOUT_S)
        risk = client.wait("probe_risk", started.run_id, clock=CLOCK, timeout_s=TIMEOUT_S)

        assert market.partition_key == risk.partition_key == DAY
        assert risk.run_type == "asset_triggered"
        assert {event.name for event in client.consumed_events("probe_risk", risk.run_id)} == {
            "gold.returns_daily_v1",
            "silver.daily_bars_v1",
        }
        assert {task.state for task in seen[-1][1]} == {"success"}

    def test_an_event_and_an_xcom_carry_versions_and_counts_and_no_data(self, client: AirflowClient) -> None:
        run = finish(client, "probe_market", partition_key="2022-12-27")
        event = next(found for found in client.events(run.dag_id, run.run_id) if found.name == "gold.returns_daily_v1")
        result = client.result(run.dag_id, run.run_id, "returns")

        assert event.partition_key == "2022-12-27"
        assert event.extra == {
            "run_id": result["run_id"],
            "business_date": "2022-12-27",
            "delta_version": 7,
            "row_count": 3,
        }
        assert result["outputs"]["gold.returns_daily_v1"] == {"delta_version": 7, "row_count": 3}

    def test_a_second_run_of_the_same_day_starts_the_consumer_again(self, client: AirflowClient) -> None:
        runs = [finish(client, "probe_market", partition_key="2022-12-23") for _ in range(2)]
        consumers = [client.wait_consumer("probe_risk", of=run, clock=CLOCK, timeout_s=TIMEOUT_S) for run in runs]

        assert len({run.run_id for run in consumers}) == 2
        assert {run.partition_key for run in consumers} == {"2022-12-23"}

    @pytest.mark.parametrize("key", ["2022/12/28", "2022-12-28T00:00:00", "28.12.2022"])
    def test_a_key_in_another_form_is_refused_at_once(self, client: AirflowClient, key: str) -> None:
        with pytest.raises(AirflowRefusedError, match="does not match") as refused:
            client.trigger("probe_market", partition_key=key)
        assert refused.value.status == 400


class TestEndings:
    def test_an_engine_that_was_away_is_tried_again(self, client: AirflowClient) -> None:
        run = finish(client, "probe_flaky")
        assert [task.try_number for task in client.task_instances(run.dag_id, run.run_id)] == [2]

    def test_wrong_data_fails_at_once_with_the_jobs_own_message(self, client: AirflowClient) -> None:
        run_id = client.trigger("probe_bad_data", partition_key=DAY)
        with pytest.raises(RunFailedError, match="AAPL has two bars on 2022-12-28; remove one"):
            client.wait("probe_bad_data", run_id, clock=CLOCK, timeout_s=TIMEOUT_S)
        assert [task.try_number for task in client.task_instances("probe_bad_data", run_id)] == [1]
        assert client.events("probe_bad_data", run_id) == ()

    def test_a_holiday_is_skipped_and_publishes_nothing(self, client: AirflowClient) -> None:
        run = finish(client, "probe_holiday", partition_key="2022-12-26")
        assert {task.task_id: task.state for task in client.task_instances(run.dag_id, run.run_id)} == {
            "holiday": "skipped",
            "after": "skipped",
        }
        assert client.events(run.dag_id, run.run_id) == ()

    def test_a_run_without_a_business_date_says_so(self, client: AirflowClient) -> None:
        run_id = client.trigger("probe_undated", partition_key=None)
        with pytest.raises(RunFailedError, match="this run has no business date: trigger it with a partition key"):
            client.wait("probe_undated", run_id, clock=CLOCK, timeout_s=TIMEOUT_S)

    def test_the_configuration_may_say_the_business_date(self, client: AirflowClient) -> None:
        run_id = client.trigger("probe_undated", partition_key=None, conf={"business_date": DAY})
        client.wait("probe_undated", run_id, clock=CLOCK, timeout_s=TIMEOUT_S)
        assert client.result("probe_undated", run_id, "undated")["business_date"] == DAY

    def test_a_jobs_lines_are_in_the_tasks_log(self, client: AirflowClient) -> None:
        run = finish(client, "probe_market", partition_key="2022-12-22")
        task = client.task_instances(run.dag_id, run.run_id)[0]
        assert "working on 2022-12-22" in client.task_log(run.dag_id, run.run_id, task)


class TestClient:
    def test_an_unknown_dag_is_refused(self, client: AirflowClient) -> None:
        with pytest.raises(AirflowRefusedError, match="run no_such_dag: HTTP 404"):
            client.trigger("no_such_dag", partition_key=DAY)

    def test_a_wrong_password_is_refused(self, airflow: AirflowStack) -> None:
        stranger = airflow.section.model_copy(update={"password": SecretStr("wrong")})
        with AirflowClient(stranger) as client, pytest.raises(AirflowRefusedError, match="log admin in: HTTP 401"):
            client.dag_ids()

    def test_waiting_for_a_dag_that_never_comes_ends(self, client: AirflowClient) -> None:
        with pytest.raises(RunTimedOutError, match="has not read \\['no_such_dag'\\]"):
            client.wait_dags(frozenset({"no_such_dag"}), clock=CLOCK, timeout_s=0.0)

    def test_a_burst_of_forty_triggers_is_taken(self, client: AirflowClient, airflow: AirflowStack) -> None:
        days = [f"2021-{month:02d}-{day:02d}" for month in (1, 2) for day in range(1, 21)]
        with ThreadPoolExecutor(8) as pool:
            run_ids = set(pool.map(lambda day: trigger_alone(airflow, day), days))
        first = min(client.runs("probe_burst"), key=lambda run: run.run_after)
        client.wait("probe_burst", first.run_id, clock=CLOCK, timeout_s=TIMEOUT_S)

        assert len(run_ids) == 40
        assert client.health()["scheduler"] == "healthy"


def trigger_alone(airflow: AirflowStack, day: str) -> str:
    """Trigger probe_burst over a connection of its own."""
    with AirflowClient(airflow.section) as client:
        return client.trigger("probe_burst", partition_key=day)
