"""Which slices of a silver table bronze rows have changed: by the offsets that landed since the last published run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pyspark.sql import Column, functions as F

from lakehouse.contracts.model import Table
from spark_jobs.kit.errors import DataError
from spark_jobs.kit.manifest import Manifest
from spark_jobs.kit.model import Audit
from spark_jobs.kit.onward import InputWentBackError
from spark_jobs.kit.run import Run

READ_TO = "read_to"
"""The parameter in which a silver job keeps how far it has read."""
COPIES = "_copies"
"""Helper column of a de-duplicated frame: how many rows had the key of the one that was kept."""
DUPLICATES = {"duplicates": f"sum({COPIES} - 1)"}
"""The extra aggregate that counts what de-duplication dropped, from the rows that it kept."""


class RowsUnaccountedError(DataError):
    """Kept, duplicate and rejected rows do not add up to the rows read."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far a run has read bronze: the highest offset of each topic/partition, and the newest ingest date."""

    offsets: Mapping[str, int]
    ingested_to: date | None

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {"offsets": dict(self.offsets), "ingested_to": self.ingested_to and self.ingested_to.isoformat()}


NOTHING_READ = Watermark({}, None)


def watermark_of(previous: Manifest | None) -> Watermark:
    """Where the previous run of a silver job stopped; at the beginning where there is none."""
    told = previous.parameters.get(READ_TO) if previous else None
    if not told:
        return NOTHING_READ
    return Watermark(told["offsets"], told["ingested_to"] and date.fromisoformat(told["ingested_to"]))


@dataclass(frozen=True, slots=True)
class Landed:
    """The slices (years, dates) that have rows beyond a watermark, and the watermark that includes these."""

    affected: tuple[Any, ...]
    watermark: Watermark


def landed(run: Run, table: Table, slice_of: Column) -> Landed:
    """Find the slices of bronze `table` with rows beyond the previous run, in one aggregation of the days ingested
    since. Raises InputWentBackError where that run read offsets that the table does not reach.

    Offsets decide and not files: compaction rewrites files without changing a row. The ingest date only spares
    reading all of history; a day's slack covers a clock that was set back.
    """
    bronze, read = run.read(table), watermark_of(run.previous)
    recent = bronze if read.ingested_to is None else bronze.where(_ingested_from(read.ingested_to - timedelta(days=1)))
    groups: list[dict[str, Any]] = (
        recent.groupBy("_topic", "_partition", slice_of.alias("slice"))
        .agg(F.max("_offset").alias("last"), F.max("_ingest_date").alias("ingested"))
        .toArrow()
        .to_pylist()
    )
    _require_reached(run, table, read, groups)
    offsets = dict(read.offsets)
    affected: set[Any] = set()
    for group in groups:
        source = _source(group)
        offsets[source] = max(offsets.get(source, -1), group["last"])
        if group["last"] > read.offsets.get(source, -1):
            affected.add(group["slice"])
    days = [group["ingested"] for group in groups] + ([read.ingested_to] if read.ingested_to else [])
    return Landed(tuple(sorted(affected)), Watermark(dict(sorted(offsets.items())), max(days, default=None)))


def _require_reached(run: Run, table: Table, read: Watermark, groups: list[dict[str, Any]]) -> None:
    """Raises InputWentBackError unless `table` has every source's rows up to the watermark `read`."""
    behind = _behind(read, groups)
    if behind and read.ingested_to:
        # A quiet topic's last row is older than the days looked at: only all of them can tell.
        whole = run.read(table).groupBy("_topic", "_partition").agg(F.max("_offset").alias("last"))
        behind = _behind(read, whole.toArrow().to_pylist())
    if behind:
        told = ", ".join(f"{source} to offset {read.offsets[source]}, it ends at {end}" for source, end in behind)
        raise InputWentBackError(table.name, run.job, f"the previous run read {told}")


def _behind(read: Watermark, groups: list[dict[str, Any]]) -> list[tuple[str, int]]:
    ends: dict[str, int] = {}
    for group in groups:
        source = _source(group)
        ends[source] = max(ends.get(source, -1), group["last"])
    return [(source, ends.get(source, -1)) for source, last in read.offsets.items() if ends.get(source, -1) < last]


def _source(group: Mapping[str, Any]) -> str:
    return f"{group['_topic']}/{group['_partition']}"


def _ingested_from(day: date) -> Column:
    return F.col("_ingest_date") >= F.lit(day)


def reconciled(read: int, kept: Audit, rejected: Audit) -> dict[str, int]:
    """The rows read by fate. Raises RowsUnaccountedError unless every one of them is kept, a duplicate or rejected."""
    duplicates = kept.extras["duplicates"]
    if read != kept.row_count + duplicates + rejected.row_count:
        raise RowsUnaccountedError(
            f"{read} bronze rows were read but {kept.row_count} kept, {duplicates} duplicates and {rejected.row_count} "
            "rejected: a row was lost or doubled on the way, so nothing was published"
        )
    return {"read": read, "kept": kept.row_count, "duplicates": duplicates, "rejected": rejected.row_count}


def latest_first() -> tuple[Column, ...]:
    """The order in which of several rows with one key the first is kept: the one landed last."""
    return (F.col("_kafka_ts").desc(), F.col("_partition").desc(), F.col("_offset").desc())
