"""OpenLineage events of runs: what was read and written at which Delta version, how many rows, and what checks said.

Made from contracts and manifests, so engine-independent; exact where a listener in the engine would guess. An event
that cannot be sent is logged and forgotten: lineage never fails a job, nor holds it up for longer than its timeout.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid5

import attr
from openlineage.client.event_v2 import (
    InputDataset,
    Job as JobOfEvent,
    OutputDataset,
    Run as RunOfEvent,
    RunEvent,
    RunState,
)
from openlineage.client.facet_v2 import (
    DatasetFacet,
    JobFacet,
    OutputDatasetFacet,
    RunFacet,
    dataset_version_dataset,
    documentation_job,
    error_message_run,
    output_statistics_output_dataset,
    processing_engine_run,
    schema_dataset,
)
from openlineage.client.transport import Transport
from openlineage.client.transport.file import FileConfig, FileTransport
from openlineage.client.transport.http import HttpConfig, HttpTransport

from lakehouse.contracts.model import Job, Store, Table
from lakehouse.contracts.tables import TABLES
from lakehouse.settings import Settings
from spark_jobs.kit.findings import Finding
from spark_jobs.kit.manifest import Manifest, OutputRecord, State


@attr.define
class CheckOf:
    """A check of an output: `rows` broke it; `grade` says what a broken one does."""

    assertion: str
    success: bool
    grade: str
    rows: int


@attr.define
class ChecksFacet(OutputDatasetFacet):
    """The checks of an output. OpenLineage's own facet of assertions is one of inputs."""

    assertions: list[CheckOf]

    @staticmethod
    def _get_schema() -> str:
        return "urn:tidemark:facets:checks:1"


LOG = logging.getLogger("tidemark.job")
PRODUCER = "urn:tidemark:spark_jobs"
NAMESPACE = "tidemark"
RUNS = UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")
FILE = "lineage.jsonl"
STATES = {State.RUNNING: RunState.START, State.PUBLISHED: RunState.COMPLETE, State.FAILED: RunState.FAIL}


def told(job: Job, manifest: Manifest, settings: Settings, at: datetime, findings: Sequence[Finding] = ()) -> None:
    """Send the event of where the run stands now: START, COMPLETE or FAIL by its manifest's state. `findings`: the
    checks that were broken. Never raises."""
    _send(STATES[manifest.state], job, manifest, settings, at, findings)


def ended_without_work(job: Job, manifest: Manifest, settings: Settings, at: datetime) -> None:
    """Send the event of a run that found nothing to do. Never raises."""
    _send(RunState.ABORT, job, manifest, settings, at)


def _send(
    state: RunState,
    job: Job,
    manifest: Manifest,
    settings: Settings,
    at: datetime,
    findings: Sequence[Finding] = (),
) -> None:
    try:
        transport(settings).emit(_event(state, job, manifest, settings, at, findings))
    except Exception:
        # Whatever it is: the library raises RuntimeError, KeyError, ValueError and its HTTP client's own errors, and
        # numbers that are published, or a failure that is on its way up, must not end on a note about them.
        LOG.exception("%s: its lineage was not recorded; the run itself goes on", job.name)


def transport(settings: Settings) -> Transport:
    """To the address in `lineage.url`, tried once; without one, a line each in logs/lineage.jsonl of the home."""
    section = settings.lineage
    if section.url:
        return HttpTransport(HttpConfig(url=section.url, timeout=section.timeout_s, retry={"total": 0}))
    folder = settings.home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return FileTransport(FileConfig(log_file_path=str(folder / FILE), append=True))


def _event(
    state: RunState,
    job: Job,
    manifest: Manifest,
    settings: Settings,
    at: datetime,
    findings: Sequence[Finding],
) -> RunEvent:
    names = manifest.inputs or dict.fromkeys(job.inputs)
    documented: dict[str, JobFacet] = {"documentation": documentation_job.DocumentationJobFacet(job.doc)}
    return RunEvent(
        eventTime=at.isoformat(),
        producer=PRODUCER,
        eventType=state,
        run=RunOfEvent(runId=str(_run_id(manifest.run_id)), facets=_run_facets(manifest)),
        job=JobOfEvent(namespace=NAMESPACE, name=job.name, facets=documented),
        inputs=[_input(name, version, settings) for name, version in names.items()],
        outputs=[_output(name, manifest.outputs.get(name), settings, findings) for name in job.outputs],
    )


def _run_id(run_id: str) -> UUID:
    """OpenLineage wants a UUID; a run that was named otherwise gets one that is always the same."""
    try:
        return UUID(run_id)
    except ValueError:
        return uuid5(RUNS, run_id)


def _run_facets(manifest: Manifest) -> dict[str, RunFacet]:
    engine = processing_engine_run.ProcessingEngineRunFacet(version=manifest.code_version, name="Tidemark")
    facets: dict[str, RunFacet] = {"processing_engine": engine}
    if manifest.error:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(manifest.error, "Python")
    return facets


def _input(name: str, version: int | None, settings: Settings) -> InputDataset:
    namespace, path_name = _place(name, settings)
    return InputDataset(namespace, path_name, facets=_facets(name, version))


def _output(name: str, record: OutputRecord | None, settings: Settings, findings: Sequence[Finding]) -> OutputDataset:
    namespace, path_name = _place(name, settings)
    facets = _facets(name, record.delta_version if record else None)
    written: dict[str, OutputDatasetFacet] = {}
    if checks := _checks(name, record, findings):
        written["tidemark_checks"] = ChecksFacet(checks)
    if record is not None:
        counted = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=record.row_count)
        written["outputStatistics"] = counted
    return OutputDataset(namespace, path_name, facets=facets, outputFacets=written)


def _checks(name: str, record: OutputRecord | None, findings: Sequence[Finding]) -> list[CheckOf]:
    """Every check of a published output; of a refused one those that were broken."""
    broken = {finding.check: finding for finding in findings if finding.table == name}
    passed: Mapping[str, int] = record.checks if record else {}
    return [
        CheckOf(check, check not in broken, str(broken[check].grade) if check in broken else "", rows)
        for check, rows in {**passed, **{check: finding.rows for check, finding in broken.items()}}.items()
    ]


def _facets(name: str, version: int | None) -> dict[str, DatasetFacet]:
    facets: dict[str, DatasetFacet] = {}
    if table := TABLES.get(name):
        fields = [schema_dataset.SchemaDatasetFacetFields(c.name, str(c.type), c.doc) for c in table.columns]
        facets["schema"] = schema_dataset.SchemaDatasetFacet(fields)
    if version is not None:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(str(version))
    return facets


def _place(name: str, settings: Settings) -> tuple[str, str]:
    """Namespace and name as OpenLineage's naming conventions have them for S3, PostgreSQL and ClickHouse."""
    table = TABLES.get(name)
    if table is None or Store.DELTA in table.stores:
        return f"s3://{settings.s3.lake_bucket}", _key(table, name)
    if Store.POSTGRES in table.stores:
        section = settings.postgres
        return f"postgres://{section.host}:{section.port}", f"{section.database}.{name}"
    return settings.clickhouse.url, f"{settings.clickhouse.database}.{table.short_name}"


def _key(table: Table | None, name: str) -> str:
    return f"{table.layer}/{table.short_name}" if table else name
