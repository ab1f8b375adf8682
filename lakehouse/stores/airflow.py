"""Airflow through its REST API: trigger a run, watch it, and follow the run that its asset events started."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Self

import httpx
from pydantic import BaseModel, ConfigDict, Field

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.settings import AirflowSettings

REQUEST_TIMEOUT_S = 60.0
FINAL_STATES = frozenset({"success", "failed"})

EXCEPTION = "Task failed with exception: "

Params = Mapping[str, str | int]


class AirflowUnreachableError(TidemarkError):
    """Airflow does not answer; `tidemark status` says whether it is up."""


class AirflowRefusedError(TidemarkError):
    """Airflow answered, and said no."""

    def __init__(self, action: str, status: int, detail: str) -> None:
        super().__init__(f"Airflow refused to {action}: HTTP {status}: {detail}")
        self.status = status


class RunFailedError(TidemarkError):
    """A run ended as failed; the message names its tasks and where their logs are."""


class RunTimedOutError(TidemarkError):
    """A run, or the run that it should have triggered, did not get there in time."""


class Answer(BaseModel):
    """Part of a reply of Airflow's API: only what Tidemark reads."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Run(Answer):
    """One DAG run."""

    dag_id: str
    run_id: str = Field(alias="dag_run_id")
    state: str
    run_type: str
    partition_key: str | None
    run_after: datetime
    start_date: datetime | None
    end_date: datetime | None

    @property
    def finished(self) -> bool:
        return self.state in FINAL_STATES


class TaskInstance(Answer):
    """One task of a run. `state` is None until the scheduler has looked at it; `duration` is in seconds."""

    task_id: str
    state: str | None
    try_number: int
    start_date: datetime | None
    end_date: datetime | None
    duration: float | None


class AssetEvent(Answer):
    """A published table partition: who published it and what it said about it."""

    uri: str
    name: str
    partition_key: str | None = None
    extra: dict[str, Any] | None = None
    source_dag_id: str | None = None
    source_task_id: str | None = None
    source_run_id: str | None = None
    timestamp: datetime


class _Runs(Answer):
    dag_runs: tuple[Run, ...]


class _TaskInstances(Answer):
    task_instances: tuple[TaskInstance, ...]


class _AssetEvents(Answer):
    asset_events: tuple[AssetEvent, ...]


Update = Callable[[Run, tuple[TaskInstance, ...]], None]


class _Transport:
    """Requests with a token that is fetched on first use and again when Airflow no longer takes it."""

    def __init__(self, section: AirflowSettings) -> None:
        self._section = section
        self._http = httpx.Client(base_url=section.url, timeout=REQUEST_TIMEOUT_S)
        self._token = ""

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, action: str, params: Params | None = None) -> httpx.Response:
        return self._checked(self._authorised("GET", path, params=params), action)

    def post(self, path: str, action: str, body: Mapping[str, Any]) -> httpx.Response:
        return self._checked(self._authorised("POST", path, body=body), action)

    def patch(self, path: str, action: str, body: Mapping[str, Any]) -> httpx.Response:
        return self._checked(self._authorised("PATCH", path, body=body), action)

    def get_openly(self, path: str, action: str) -> httpx.Response:
        return self._checked(self._send("GET", path), action)

    def _authorised(
        self, method: str, path: str, *, params: Params | None = None, body: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        self._token = self._token or self._log_in()
        answer = self._send(method, path, params=params, body=body, token=self._token)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._token = self._log_in()
            answer = self._send(method, path, params=params, body=body, token=self._token)
        return answer

    def _log_in(self) -> str:
        body = {"username": self._section.user, "password": self._section.password.get_secret_value()}
        answer = self._checked(self._send("POST", "/auth/token", body=body), f"log {self._section.user} in")
        return str(answer.json()["access_token"])

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Mapping[str, Any] | None = None,
        token: str = "",
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            return self._http.request(method, path, params=params, json=body, headers=headers)
        except httpx.TransportError as error:
            raise AirflowUnreachableError(
                f"no answer from Airflow at {self._section.url}: {error or type(error).__name__}; see `tidemark status`"
            ) from error

    @staticmethod
    def _checked(answer: httpx.Response, action: str) -> httpx.Response:
        if answer.is_error:
            raise AirflowRefusedError(action, answer.status_code, answer.text[:500])
        return answer


class AirflowClient:
    """A connection to one Airflow; close() it, or use it in a with statement. Not for several threads."""

    def __init__(self, section: AirflowSettings) -> None:
        self._section = section
        self._transport = _Transport(section)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def health(self) -> dict[str, str]:
        """State of each component (metadatabase, scheduler, triggerer, dag_processor): healthy or not."""
        answer = self._transport.get_openly("/api/v2/monitor/health", "report its health").json()
        return {name: str((part or {}).get("status") or "absent") for name, part in answer.items()}

    def dag_ids(self) -> tuple[str, ...]:
        """The DAGs that the dag-processor has read so far, sorted."""
        answer = self._transport.get("/api/v2/dags", "list DAGs", {"limit": 100})
        return tuple(sorted(found["dag_id"] for found in answer.json()["dags"]))

    def import_errors(self) -> dict[str, str]:
        """What went wrong while DAG files were read, by file name; empty when all is well."""
        answer = self._transport.get("/api/v2/importErrors", "list import errors", {"limit": 100})
        return {found["filename"]: found["stack_trace"] for found in answer.json()["import_errors"]}

    def ensure_pools(self, slots: Mapping[str, int]) -> None:
        """Create or resize pools; the others stay. A task whose pool is missing waits without end."""
        entities = [{"name": name, "slots": count, "include_deferred": False} for name, count in slots.items()]
        action = {"action": "create", "entities": entities, "action_on_existence": "overwrite"}
        answer = self._transport.patch("/api/v2/pools", "set its pools", {"actions": [action]})
        if errors := answer.json()["create"]["errors"]:
            raise AirflowRefusedError("set its pools", answer.status_code, str(errors))

    def trigger(self, dag_id: str, *, partition_key: str | None, conf: Mapping[str, Any] | None = None) -> str:
        """Queue a run for a partition (YYYY-MM-DD) and return its run id. Raises AirflowRefusedError: 404 where the
        DAG is not (yet) known, 400 where the key is not in the DAG's format or the DAG has no partitions."""
        body = {"logical_date": None, "conf": dict(conf or {}), "partition_key": partition_key}
        answer = self._transport.post(f"/api/v2/dags/{dag_id}/dagRuns", f"run {dag_id}", body)
        return Run.model_validate(answer.json()).run_id

    def stop_task(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Mark a task as failed, as one does in the UI: if it runs, Airflow kills it at its next heartbeat."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        self._transport.patch(path, f"stop {task_id}", {"new_state": "failed"})

    def run(self, dag_id: str, run_id: str) -> Run:
        """One run as it is now."""
        answer = self._transport.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}", f"show run {run_id} of {dag_id}")
        return Run.model_validate(answer.json())

    def runs(self, dag_id: str, *, partition_key: str | None = None, since: datetime | None = None) -> tuple[Run, ...]:
        """The latest 100 runs of a DAG, newest first, for one partition and no older than `since` where given."""
        params: dict[str, str | int] = {"limit": 100, "order_by": "-run_after"}
        if partition_key is not None:
            params["partition_key_prefix_pattern"] = partition_key
        if since is not None:
            params["run_after_gte"] = since.isoformat()
        answer = self._transport.get(f"/api/v2/dags/{dag_id}/dagRuns", f"list runs of {dag_id}", params)
        found = _Runs.model_validate(answer.json()).dag_runs
        return tuple(run for run in found if partition_key is None or run.partition_key == partition_key)

    def task_instances(self, dag_id: str, run_id: str) -> tuple[TaskInstance, ...]:
        """The tasks of a run, in the order of their names."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        answer = self._transport.get(path, f"list tasks of {run_id}", {"limit": 100})
        found = _TaskInstances.model_validate(answer.json()).task_instances
        return tuple(sorted(found, key=lambda task: task.task_id))

    def task_log(self, dag_id: str, run_id: str, task: TaskInstance) -> tuple[str, ...]:
        """The log lines of a task's latest try; a line that tells of an exception ends with its message."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}/logs/{task.try_number}"
        answer = self._transport.get(path, f"show the log of {task.task_id}", {"full_content": "true"})
        content = answer.json()["content"]
        return tuple(line if isinstance(line, str) else _line(line) for line in content)

    def result(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """What a task of Tidemark returned: run id, Delta versions and row counts."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        answer = self._transport.get(path, f"show the result of {task_id}", {"deserialize": "true"})
        value: dict[str, Any] = answer.json()["value"]
        return value

    def events(self, dag_id: str, run_id: str) -> tuple[AssetEvent, ...]:
        """The table partitions that a run has published so far."""
        params: dict[str, str | int] = {"source_dag_id": dag_id, "source_run_id": run_id, "limit": 100}
        answer = self._transport.get("/api/v2/assets/events", f"list asset events of {run_id}", params)
        return _AssetEvents.model_validate(answer.json()).asset_events

    def consumed_events(self, dag_id: str, run_id: str) -> tuple[AssetEvent, ...]:
        """The asset events that started a run."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/upstreamAssetEvents"
        return _AssetEvents.model_validate(self._transport.get(path, f"list causes of {run_id}").json()).asset_events

    def consumer_run(self, dag_id: str, *, of: Run) -> Run | None:
        """The run of `dag_id` that the asset events of the run `of` started, or None as long as there is none."""
        for run in self.runs(dag_id, partition_key=of.partition_key, since=of.run_after):
            causes = {(event.source_dag_id, event.source_run_id) for event in self.consumed_events(dag_id, run.run_id)}
            if (of.dag_id, of.run_id) in causes:
                return run
        return None

    def run_url(self, dag_id: str, run_id: str) -> str:
        """Where people look at a run."""
        return f"{self._section.url}/dags/{dag_id}/runs/{run_id}"

    def wait(
        self,
        dag_id: str,
        run_id: str,
        *,
        clock: Clock,
        timeout_s: float,
        on_update: Update | None = None,
        poll_s: float = 1.0,
    ) -> Run:
        """Block until a run has succeeded and return it; `on_update` sees the run and its tasks at every poll.
        Raises RunFailedError with the failed tasks, RunTimedOutError after `timeout_s`."""
        deadline = clock.monotonic() + timeout_s
        while True:
            run = self.run(dag_id, run_id)
            if on_update is not None:
                on_update(run, self.task_instances(dag_id, run_id))
            if run.state == "success":
                return run
            if run.finished:
                raise RunFailedError(self._why(run))
            if clock.monotonic() >= deadline:
                raise RunTimedOutError(f"{self._tell(run)} is still {run.state} after {timeout_s:.0f} s")
            clock.sleep(poll_s)

    def wait_consumer(self, dag_id: str, *, of: Run, clock: Clock, timeout_s: float, poll_s: float = 1.0) -> Run:
        """Block until the asset events of the run `of` have started a run of `dag_id`, and return that run.
        Raises RunTimedOutError."""
        deadline = clock.monotonic() + timeout_s
        while (run := self.consumer_run(dag_id, of=of)) is None:
            if clock.monotonic() >= deadline:
                raise RunTimedOutError(
                    f"{self._tell(of)} started no run of {dag_id} within {timeout_s:.0f} s: "
                    f"it published {sorted(event.name for event in self.events(of.dag_id, of.run_id))}"
                )
            clock.sleep(poll_s)
        return run

    def wait_dags(self, expected: frozenset[str], *, clock: Clock, timeout_s: float, poll_s: float = 1.0) -> None:
        """Block until the dag-processor has read every DAG of `expected`. Raises RunTimedOutError with what is missing
        and every import error."""
        deadline = clock.monotonic() + timeout_s
        while missing := expected - set(self.dag_ids()):
            if clock.monotonic() >= deadline:
                raise RunTimedOutError(
                    f"Airflow has not read {sorted(missing)} after {timeout_s:.0f} s: {self.import_errors()}"
                )
            clock.sleep(poll_s)

    def _tell(self, run: Run) -> str:
        return f"{run.dag_id} for {run.partition_key} ({self.run_url(run.dag_id, run.run_id)})"

    def _why(self, run: Run) -> str:
        failed = [task for task in self.task_instances(run.dag_id, run.run_id) if task.state == "failed"]
        reasons = [f"{task.task_id}: {self._last_words(run, task)}" for task in failed]
        return f"{self._tell(run)} failed: {'; '.join(reasons) or 'no task failed'}"

    def _last_words(self, run: Run, task: TaskInstance) -> str:
        spoken = [line for line in self.task_log(run.dag_id, run.run_id, task) if line.startswith(EXCEPTION)]
        return spoken[-1].removeprefix(EXCEPTION) if spoken else f"try {task.try_number} left no message"


def _line(entry: Mapping[str, Any]) -> str:
    raised = entry.get("error_detail") or ()
    return ": ".join([str(entry.get("event", "")), *(str(error.get("exc_value", "")) for error in raised[-1:])])
