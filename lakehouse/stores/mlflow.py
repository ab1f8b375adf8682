"""Runs in MLflow: parameters, metrics, tags and files, each run once. No models, so nothing pickled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from lakehouse.clock import Clock
from lakehouse.contracts.job_process import JobExit
from lakehouse.errors import TidemarkError
from lakehouse.settings import MlflowSettings

SOURCE = "tidemark.source"
"""The tag by which a record is found again."""
FINISHED = "FINISHED"
MAX_PARAM, MAX_TAG = 6000, 5000


class MlflowUnavailableError(TidemarkError):
    """MLflow did not answer, or refused. Worth another try."""

    exit_code = JobExit.UNAVAILABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One run. `source` names it among all others of the experiment; `files` are texts and bytes by file name."""

    source: str
    name: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    files: Mapping[str, str | bytes] = field(default_factory=dict)


def record_all(section: MlflowSettings, experiment: str, records: list[Record], *, clock: Clock) -> int:
    """Write the records that the experiment does not have in full yet; returns how many those were. Idempotent.

    Raises MlflowUnavailableError.
    """
    client = MlflowClient(section.tracking_uri)
    try:
        found = client.get_experiment_by_name(experiment)
        place = found.experiment_id if found else client.create_experiment(experiment)
        missing = [record for record in records if not _is_there(client, place, record.source)]
        for record in missing:
            _write(client, place, record, clock)
    except (MlflowException, OSError) as error:
        raise MlflowUnavailableError(
            f"MLflow at {section.tracking_uri} did not take the runs ({error}): `tidemark status` shows whether it runs"
        ) from error
    return len(missing)


def _is_there(client: MlflowClient, experiment_id: str, source: str) -> bool:
    """Whether a finished run has the source; one that was cut off is written anew."""
    wanted = f"tags.`{SOURCE}` = '{source}' AND attributes.status = '{FINISHED}'"
    return len(client.search_runs([experiment_id], filter_string=wanted, max_results=1)) > 0


def _write(client: MlflowClient, experiment_id: str, record: Record, clock: Clock) -> None:
    now = int(clock.now().timestamp() * 1000)
    tags = {SOURCE: record.source, **{name: value[:MAX_TAG] for name, value in record.tags.items()}}
    run_id = client.create_run(experiment_id, start_time=now, tags=tags, run_name=record.name).info.run_id
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, now, 0) for name, value in record.metrics.items()],
        params=[Param(name, value[:MAX_PARAM]) for name, value in record.parameters.items()],
    )
    with TemporaryDirectory() as folder:
        for name, content in record.files.items():
            path = Path(folder) / name
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            client.log_artifact(run_id, str(path))
    client.set_terminated(run_id, FINISHED, end_time=int(clock.now().timestamp() * 1000))
