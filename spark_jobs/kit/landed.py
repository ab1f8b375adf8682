"""Which slices of a silver table bronze rows have changed: by the offsets that landed since the last published run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.kit.errors import DataError
from spark_jobs.kit.model import Audit

COPIES = "_copies"
"""Helper column of a de-duplicated frame: how many rows had the key of the one that was kept."""
DUPLICATES = {"duplicates": f"sum({COPIES} - 1)"}
"""The extra aggregate that counts what de-duplication dropped, from the rows that it kept."""


class RowsUnaccountedError(DataError):
    """Kept, duplicate and rejected rows do not add up to the rows read."""


@dataclass(frozen=True, slots=True)
class Landed:
    """What has landed: the slices (years, dates) that changed, how far each Kafka partition is read, rows a slice."""

    affected: tuple[Any, ...]
    watermark: Mapping[str, int]
    rows: Mapping[Any, int]

    def read(self, slices: tuple[Any, ...]) -> int:
        """Bronze rows in those slices."""
        return sum(self.rows.get(found, 0) for found in slices)


def landed(bronze: DataFrame, slice_of: Column, watermark: Mapping[str, int]) -> Landed:
    """Aggregate `bronze` once. A slice is affected if it has a row beyond `watermark`, the offsets by topic/partition
    that an earlier run read up to; none of them for the first run.

    Offsets and not files: compaction rewrites files without changing a row."""
    groups = (
        bronze.groupBy("_topic", "_partition", slice_of.alias("slice"))
        .agg(F.max("_offset").alias("last"), F.count(F.lit(1)).alias("rows"))
        .toArrow()
        .to_pylist()
    )
    rows: dict[Any, int] = {}
    reached = dict(watermark)
    affected: set[Any] = set()
    for group in groups:
        source = f"{group['_topic']}/{group['_partition']}"
        rows[group["slice"]] = rows.get(group["slice"], 0) + group["rows"]
        reached[source] = max(reached.get(source, -1), group["last"])
        if group["last"] > watermark.get(source, -1):
            affected.add(group["slice"])
    return Landed(tuple(sorted(affected)), dict(sorted(reached.items())), rows)


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


def as_date(text: str) -> date:
    """A slice that is a date, read back from a manifest."""
    return date.fromisoformat(text)
