"""The job `compact_bronze`: few large files for each closed ingest date, a checkpoint, no leftovers.

Safe beside landers: they append to today's partition only, and an append does not conflict with a compaction of
another one. Running it again changes nothing.
"""

import argparse
import datetime
import json
import logging
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import structlog
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import TableNotFoundError

from lakehouse import settings as platform
from lakehouse.clock import Clock, SystemClock
from lakehouse.contracts.job_process import JobExit
from lakehouse.contracts.jobs import COMPACT_BRONZE
from lakehouse.contracts.model import Table
from lakehouse.contracts.tables.bronze import TABLES
from lakehouse.domain.ids import uuid7
from lakehouse.errors import TidemarkError
from lakehouse.settings import S3Settings
from lakehouse.stores import delta

TARGET_BYTES = 128 * 1024 * 1024

log = structlog.get_logger(__name__)


class RowCountError(TidemarkError):
    """A compaction changed how many rows a partition holds."""


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done to one table."""

    dates_compacted: int
    files_before: int
    files_after: int
    row_count: int
    files_vacuumed: int
    delta_version: int


@dataclass(frozen=True, slots=True)
class _Partition:
    files: int
    rows: int


def maintain(section: S3Settings, table: Table, *, today: datetime.date, target_bytes: int) -> Maintained | None:
    """Compact the dates before `today`, checkpoint and clean up; None where the table does not exist yet.

    Files are removed only when older than the contract's retention, which a table that was made with another one gets
    first. Raises RowCountError.
    """
    try:
        found = delta.open_table(section, table)
    except TableNotFoundError:
        return None
    # Before the cleaning, which goes by what the table says and not by its contract.
    if delta.keep_retention(found, table):
        log.info("retention_changed", table=table.name, days=table.retention_days)
    before = _partitions(found, table)
    crowded = sorted(date for date, part in before.items() if part.files > 1 and date < today)
    for date in crowded:
        _compact(section, found, table, date, target_bytes)
    found.create_checkpoint()
    found.cleanup_metadata()
    vacuumed = found.vacuum(dry_run=False)
    found.update_incremental()
    after = _partitions(found, table)
    return Maintained(
        dates_compacted=len(crowded),
        files_before=sum(part.files for part in before.values()),
        files_after=sum(part.files for part in after.values()),
        row_count=sum(part.rows for part in after.values()),
        files_vacuumed=len(vacuumed),
        delta_version=found.version(),
    )


def _compact(section: S3Settings, found: DeltaTable, table: Table, date: datetime.date, target_bytes: int) -> None:
    found.optimize.compact(
        partition_filters=[(str(table.partition_by), "=", date.isoformat())],
        target_size=target_bytes,
        commit_properties=CommitProperties(custom_metadata={"tidemark.job": COMPACT_BRONZE.name}),
    )
    # A lander may have committed to the date meanwhile: the version just before ours is what ours must equal.
    earlier = delta.open_table(section, table, version=found.version() - 1)
    rows, now = _partitions(earlier, table)[date].rows, _partitions(found, table)[date]
    if now.rows != rows:
        raise RowCountError(
            f"{table.name} {date}: {rows} rows in version {earlier.version()}, {now.rows} after compaction. "
            "Stop lake_maintenance, which would vacuum the older files, and report this"
        )
    log.info("compacted", table=table.name, date=date.isoformat(), files=now.files, rows=rows)


def _partitions(found: DeltaTable, table: Table) -> dict[datetime.date, _Partition]:
    files: dict[datetime.date, list[int]] = defaultdict(list)
    actions = found.get_add_actions(flatten=True)
    names = (f"partition.{table.partition_by}", "num_records")
    for date, rows in zip(*(actions.column(name).to_pylist() for name in names), strict=True):
        files[date].append(rows)
    return {date: _Partition(len(counts), sum(counts)) for date, counts in files.items()}


def main(arguments: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Run as the job's process: the last line on stdout is its result. Returns the exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m {COMPACT_BRONZE.module}", description=COMPACT_BRONZE.doc)
    parser.add_argument("--business-date", required=True, type=datetime.date.fromisoformat, help="day it is run for")
    parser.add_argument("--run-id", default=None, help="id of the run; default: a new one")
    options = parser.parse_args(arguments)
    # Stdout carries the result alone.
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    section = platform.load().s3
    clock = clock or SystemClock()
    today = clock.now().date()
    done: dict[str, Maintained] = {}
    try:
        for table in TABLES:
            maintained = maintain(section, table, today=today, target_bytes=TARGET_BYTES)
            if maintained is not None:
                done[table.name] = maintained
    except TidemarkError as error:
        log.error("maintenance_failed", kind=type(error).__name__, error=str(error))
        return JobExit.DATA
    outputs = {name: asdict(table) for name, table in done.items()}
    run_id = options.run_id or str(uuid7(clock))
    sys.stdout.write(json.dumps({"run_id": run_id, "job": COMPACT_BRONZE.name, "outputs": outputs}) + "\n")
    return JobExit.PUBLISHED


if __name__ == "__main__":
    sys.exit(main())
