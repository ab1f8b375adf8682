"""Runs and models in MLflow, each once, and nothing pickled. `models.py` reads them without MLflow's client."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, Metric, Param
from mlflow.environment_variables import MLFLOW_ALLOW_PICKLE_DESERIALIZATION, MLFLOW_DISABLE_TELEMETRY
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature, infer_signature
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

from lakehouse.clock import Clock
from lakehouse.contracts.job_process import JobExit
from lakehouse.errors import TidemarkError
from lakehouse.settings import MlflowSettings

# Whoever imports MLflow through this module loads no pickle, whatever the environment says.
SWITCHES: tuple[tuple[Any, bool], ...] = (
    (MLFLOW_ALLOW_PICKLE_DESERIALIZATION, False),
    (MLFLOW_DISABLE_TELEMETRY, True),
)
for switch, value in SWITCHES:
    switch.set(value)

SOURCE = "tidemark.source"
"""The tag by which a record is found again."""
IDENTITY = "tidemark.identity"
"""The tag by which a version is found again."""
INPUT_EXAMPLE = "input_example.json"
FINISHED = "FINISHED"
MAX_PARAM, MAX_TAG = 6000, 5000


class MlflowUnavailableError(TidemarkError):
    """MLflow did not answer, or refused. Worth another try."""

    exit_code = JobExit.UNAVAILABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One run. `source` names it among all others of the experiment; `files` makes texts and bytes by file name, and is
    called only where the run is written."""

    source: str
    name: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    files: Callable[[], Mapping[str, str | bytes]] = dict


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """A training and its model. `folder` holds MLmodel; `identity` is the same for the same training. `fold_metrics`
    are written as `fold.NAME`, one step a fold. Parameters and tags stand on the run, tags on the version as well."""

    name: str
    identity: str
    folder: Path
    run_name: str
    description: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    fold_metrics: Sequence[Mapping[str, float]]
    tags: Mapping[str, str]
    files: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoggedVersion:
    """The version that a record has in the registry; `is_new` is False where it was there before."""

    version: int
    run_id: str
    is_new: bool


def connect(section: MlflowSettings) -> MlflowClient:
    """MLflow's own client, told where its registry is: else it asks a Spark session of the process, which may be
    closed."""
    return MlflowClient(section.tracking_uri, registry_uri=section.tracking_uri)


def record_all(section: MlflowSettings, experiment: str, records: list[Record], *, clock: Clock) -> int:
    """Write the records that the experiment does not have in full yet; returns how many those were. Idempotent.

    Raises MlflowUnavailableError.
    """
    client = connect(section)
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


def log_model(section: MlflowSettings, record: ModelRecord, *, alias: str, clock: Clock) -> LoggedVersion:
    """Write the run, its model and a new version, which gets `alias`; idempotent by `identity`. One cut off is written
    anew: the version's identity is the last thing that is written. Raises MlflowUnavailableError."""
    client = connect(section)
    try:
        found = _version_of(client, record)
        if found is not None:
            return found
        logged = _log(client, record, clock)
        client.set_registered_model_alias(record.name, alias, str(logged.version))
        client.set_model_version_tag(record.name, str(logged.version), IDENTITY, record.identity)
    except (MlflowException, OSError) as error:
        raise MlflowUnavailableError(
            f"MLflow at {section.tracking_uri} did not take {record.name} ({error}): see `tidemark status`"
        ) from error
    return logged


def tensor_signature(rows: Any, answer: Any) -> ModelSignature:
    """The signature of a model of arrays: types and shapes, the number of rows free."""
    return infer_signature(rows, answer)


def requirements(*names: str) -> list[str]:
    """The installed versions of packages, as pip writes them."""
    return [f"{name}=={version(name)}" for name in names]


def save_bare(folder: Path, *, example: Any, answer: Any) -> None:
    """An MLmodel with signature and input example and no flavor of MLflow's own: nothing in it can be run."""
    folder.mkdir(parents=True)
    model = Model(signature=tensor_signature(example, answer))
    (folder / INPUT_EXAMPLE).write_text(json.dumps({"inputs": example.tolist()}), encoding="utf-8")
    model.saved_input_example_info = {"artifact_path": INPUT_EXAMPLE, "type": "ndarray", "format": "tf-serving"}
    model.add_flavor("tidemark_arrays", data="tidemark")
    model.save(str(folder / "MLmodel"))


def _version_of(client: MlflowClient, record: ModelRecord) -> LoggedVersion | None:
    wanted = f"name = '{record.name}' AND tags.`{IDENTITY}` = '{record.identity}'"
    found = client.search_model_versions(wanted, max_results=1)
    return LoggedVersion(int(found[0].version), found[0].run_id or "", is_new=False) if found else None


def _log(client: MlflowClient, record: ModelRecord, clock: Clock) -> LoggedVersion:
    found = client.get_experiment_by_name(record.name)
    place = found.experiment_id if found else client.create_experiment(record.name)
    now = int(clock.now().timestamp() * 1000)
    tags = {name: value[:MAX_TAG] for name, value in record.tags.items()}
    run_tags = {**tags, IDENTITY: record.identity}
    run_id = client.create_run(place, start_time=now, tags=run_tags, run_name=record.run_name).info.run_id
    metrics = [Metric(name, value, now, 0) for name, value in record.metrics.items()]
    for step, fold in enumerate(record.fold_metrics):
        metrics += [Metric(f"fold.{name}", value, now, step) for name, value in fold.items()]
    parameters = [Param(name, value[:MAX_PARAM]) for name, value in record.parameters.items()]
    client.log_batch(run_id, metrics=metrics, params=parameters)
    _log_files(client, run_id, record.files)
    model_id = _log_folder(client, place, run_id, record, tags)
    client.set_terminated(run_id, FINISHED, end_time=int(clock.now().timestamp() * 1000))
    _ensure_name(client, record.name)
    made = client.create_model_version(
        record.name, f"models:/{model_id}", run_id, tags=tags, description=record.description, model_id=model_id
    )
    return LoggedVersion(int(made.version), run_id, is_new=True)


def _log_folder(client: MlflowClient, place: str, run_id: str, record: ModelRecord, tags: Mapping[str, str]) -> str:
    logged = client.create_logged_model(
        place,
        name=record.name,
        source_run_id=run_id,
        tags=dict(tags),
        params=dict(record.parameters),
        model_type=record.name,
    )
    model = Model.load(str(record.folder))
    model.model_id, model.run_id = logged.model_id, run_id
    model.save(str(record.folder / "MLmodel"))
    client.log_model_artifacts(logged.model_id, str(record.folder))
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run_id, models=[LoggedModelOutput(logged.model_id, step=0)])
    return str(logged.model_id)


def _ensure_name(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise


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
    _log_files(client, run_id, record.files())
    client.set_terminated(run_id, FINISHED, end_time=int(clock.now().timestamp() * 1000))


def _log_files(client: MlflowClient, run_id: str, files: Mapping[str, str | bytes]) -> None:
    with TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            client.log_artifact(run_id, str(path))
