"""A job after trainings, with a person's approval before it, on a real Airflow: given, refused, and one failed."""

import httpx
import pytest

from lakehouse.stores.airflow import AirflowClient, Run
from tests.factories.airflow_stack import CLOCK, AirflowStack

pytestmark = pytest.mark.integration
DAY = "2022-12-31"
TIMEOUT_S = 300.0
ASKING = "approve_promote"


def states(client: AirflowClient, dag_id: str, run_id: str) -> dict[str, str | None]:
    """Of each task."""
    return {task.task_id: task.state for task in client.task_instances(dag_id, run_id)}


def until_asked(client: AirflowClient, airflow: AirflowStack, dag_id: str) -> str:
    """Trigger a DAG, and wait until it waits for a person; the id of the run.

    The scheduler must have seen the end of the process that asked: of an answer that comes before, within the second,
    Airflow 3.3 takes that end for the one of the resumed task and fails it ("state mismatch"). No person is so fast.
    """
    run_id = client.trigger(dag_id, partition_key=DAY)
    seen = f"TaskInstance Finished: dag_id={dag_id}, task_id={ASKING}, run_id={run_id},"
    deadline = CLOCK.monotonic() + TIMEOUT_S
    while seen not in (airflow.logs / "scheduler.log").read_text(encoding="utf-8", errors="replace"):
        assert CLOCK.monotonic() < deadline, states(client, dag_id, run_id)
        CLOCK.sleep(0.5)
    assert states(client, dag_id, run_id)[ASKING] == "awaiting_input"
    return run_id


def answer(airflow: AirflowStack, dag_id: str, run_id: str, choice: str) -> None:
    """What the button in Airflow does."""
    patch(airflow, dag_id, run_id, "/-1/hitlDetails", {"chosen_options": [choice]})


def patch(airflow: AirflowStack, dag_id: str, run_id: str, place: str, body: dict[str, object]) -> None:
    """Change the task that asks, as the user of the tests."""
    login = {"username": airflow.section.user, "password": airflow.section.password.get_secret_value()}
    with httpx.Client(base_url=airflow.section.url, timeout=TIMEOUT_S) as http:
        token = http.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        task = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{ASKING}"
        http.patch(task + place, json=body, headers={"Authorization": f"Bearer {token}"}).raise_for_status()


def ended(client: AirflowClient, dag_id: str, run_id: str) -> Run:
    """The run when it is over, however it ended."""
    deadline = CLOCK.monotonic() + TIMEOUT_S
    while not (run := client.run(dag_id, run_id)).finished:
        assert CLOCK.monotonic() < deadline, states(client, dag_id, run_id)
        CLOCK.sleep(0.5)
    return run


def promotion_log(client: AirflowClient, dag_id: str, run_id: str) -> tuple[str, ...]:
    """What the job after the approval has written."""
    found = next(task for task in client.task_instances(dag_id, run_id) if task.task_id == "promote")
    return client.task_log(dag_id, run_id, found)


def test_nothing_is_promoted_before_the_approval_and_one_failed_training_is_seen_but_stops_nothing(
    client: AirflowClient, airflow: AirflowStack
) -> None:
    run_id = until_asked(client, airflow, "probe_half_trained")
    waiting = states(client, "probe_half_trained", run_id)
    assert (waiting["train_0"], waiting["train_1"], waiting["promote"]) == ("success", "failed", None)

    answer(airflow, "probe_half_trained", run_id, "Approve")

    run = ended(client, "probe_half_trained", run_id)
    assert run.state == "failed"
    assert states(client, "probe_half_trained", run_id) == {
        "train_0": "success",
        "train_1": "failed",
        "all_trained": "upstream_failed",
        ASKING: "success",
        "promote": "success",
    }
    assert f"approved by {airflow.section.user}" in promotion_log(client, "probe_half_trained", run_id)


def test_an_approval_that_was_only_marked_as_done_names_nobody(client: AirflowClient, airflow: AirflowStack) -> None:
    run_id = until_asked(client, airflow, "probe_trained")

    patch(airflow, "probe_trained", run_id, "", {"new_state": "success"})

    assert ended(client, "probe_trained", run_id).state == "success"
    assert "approved by None" in promotion_log(client, "probe_trained", run_id)


def test_a_refusal_skips_the_promotion_and_fails_nothing(client: AirflowClient, airflow: AirflowStack) -> None:
    run_id = until_asked(client, airflow, "probe_trained")

    answer(airflow, "probe_trained", run_id, "Reject")

    run = ended(client, "probe_trained", run_id)
    assert states(client, "probe_trained", run_id) == {
        "train_0": "success",
        "train_1": "success",
        "all_trained": "success",
        ASKING: "success",
        "promote": "skipped",
    }
    assert run.state == "success"
