"""Where a run's rows wait for their audit, and how what crashed runs left there is swept away."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame, SparkSession

from lakehouse.contracts.model import Table
from lakehouse.contracts.tables import table as contract
from lakehouse.settings import S3Settings
from lakehouse.stores import objects
from spark_jobs.kit.audit import Around, audit
from spark_jobs.kit.lake import require_schema
from spark_jobs.kit.model import Audit, Output
from spark_jobs.kit.run import Run, Steps

ROOT = "_staging"


@dataclass(frozen=True, slots=True)
class Staging:
    """The staging area of one run: Parquet below `_staging/AREA/RUN_ID/` in the lake's bucket; the area is the job."""

    session: SparkSession
    section: S3Settings
    area: str
    run_id: str

    def stage(self, table: Table, frame: DataFrame) -> DataFrame:
        """Compute `frame` once, write it, and return what was written: audit and publish read the same bytes.

        Raises SchemaMismatchError unless it has the contract's columns; it may have more."""
        schema = frame.schema
        require_schema(table, schema)
        address = f"s3a://{self.section.lake_bucket}/{self._prefix}{table.name}"
        frame.write.mode("overwrite").parquet(address)
        return self.session.read.schema(schema).parquet(address)

    def clear(self) -> int:
        """Delete this run's area and return how many objects it held. Idempotent."""
        return self._remove(self._prefix)

    def sweep(self) -> int:
        """Delete the areas of all runs of the job: only under the job's lock, when none of them can be alive."""
        return self._remove(f"{ROOT}/{self.area}/")

    def _remove(self, prefix: str) -> int:
        return objects.remove_prefix(objects.connect(self.section), self.section.lake_bucket, prefix)

    @property
    def _prefix(self) -> str:
        return f"{ROOT}/{self.area}/{self.run_id}/"


def sweep_untouched(section: S3Settings, area: str, since: datetime) -> int:
    """Delete those runs' rows in `area` of which nothing was written after `since`; return how many objects they were.
    For areas without a lock, where only age tells a killed run from one that is alive."""
    client, prefix = objects.connect(section), f"{ROOT}/{area}/"
    touched: dict[str, datetime] = {}
    for found in client.list_objects(bucket_name=section.lake_bucket, prefix=prefix, recursive=True):
        if found.object_name and found.last_modified:
            run_id = found.object_name.removeprefix(prefix).split("/")[0]
            touched[run_id] = max(touched.get(run_id, found.last_modified), found.last_modified)
    old = [run_id for run_id, at in touched.items() if at <= since]
    return sum(objects.remove_prefix(client, section.lake_bucket, f"{prefix}{run_id}/") for run_id in old)


@dataclass(frozen=True, slots=True)
class Staged:
    """An output whose rows are staged and have passed their audit."""

    output: Output
    frame: DataFrame
    audit: Audit


def stage_and_audit(outputs: tuple[Output, ...], staging: Staging, steps: Steps, run: Run) -> Mapping[str, Staged]:
    """Stage and audit every output of `run`, side by side. Raises AuditFailedError, SchemaMismatchError."""
    around = _around(run)
    with steps.timed("stage and audit"), ThreadPoolExecutor(len(outputs)) as pool:
        try:
            done = list(pool.map(lambda output: _staged(output, staging, around), outputs))
        except BaseException:
            # The pool waits for its threads, and these wait for the server: end their queries first.
            staging.session.interruptAll()
            raise
    return {staged.output.table.name: staged for staged in done}


def _staged(output: Output, staging: Staging, around: Around) -> Staged:
    staging.session.addTag(staging.run_id)
    frame = staging.stage(output.table, output.frame)
    return Staged(output, frame, audit(output, frame, around))


def _around(run: Run) -> Around:
    return Around(
        business_date=run.business_date,
        column=lambda name, column: _column(run, name, column),
        rows_before=lambda table: {value: found.rows for value, found in run.status(table).items()},
        has_contract_schema=run.lake.has_contract_schema,
    )


def _column(run: Run, name: str, column: str) -> DataFrame | None:
    table = contract(name)
    if name not in run.inputs and not run.lake.exists(table):
        return None
    # What the job has read is judged as it was read; looking at another table pins nothing.
    version = run.inputs.get(name, -1)
    return run.lake.at(table, version if version >= 0 else run.lake.version(table)).select(column)
