"""Rows judged one by one: those with a reason against them, and of several good ones with one key the one to keep."""

from pyspark.sql import DataFrame, Window, functions as F

from lakehouse.contracts.model import Table
from lakehouse.contracts.tables.silver import REJECTED_ROWS
from spark_jobs.kit.landed import COPIES, latest_first
from spark_jobs.kit.model import Scope, Value, literal

REASON, DETAIL = "_reason", "_detail"
"""The columns that a judgement adds: why a row is refused, and in which words; null for a good one."""
SOURCE = ("_topic", "_partition", "_offset", "_kafka_ts")
"""The bronze columns that a judged row keeps: where it came from, and when it landed."""


def kept(rows: DataFrame, table: Table, spread: tuple[str, ...]) -> DataFrame:
    """The good rows with the columns of `table`, of several with its key the one landed last, and how many copies
    there were. `spread`: the columns by which rows are spread over the workers, part of partition and key."""
    of_key = Window.partitionBy(*(name for name in (table.partition_by,) if name), *table.key)
    ranked = (
        rows.where(F.col(REASON).isNull())
        .repartition(*spread)
        .withColumn("_rank", F.row_number().over(of_key.orderBy(*latest_first())))
        .withColumn(COPIES, F.count(F.lit(1)).over(of_key))
    )
    return ranked.where(F.col("_rank") == 1).select(*table.column_names, COPIES)


def rejected(rows: DataFrame, job: str, day: str) -> DataFrame:
    """The refused rows with their reason; `day` is the column with the date that a row claims."""
    bad = rows.where(F.col(REASON).isNotNull())
    return bad.select(
        F.lit(job).alias("job"),
        F.col(day).alias("event_date"),
        "_topic",
        "_partition",
        "_offset",
        F.col(REASON).alias("reason"),
        F.col(DETAIL).alias("detail"),
    ).select(*REJECTED_ROWS.column_names)


def rejected_scope(job: str, slice_of: str, slices: tuple[Value, ...]) -> Scope:
    """The job's rejected rows of those slices (SQL `slice_of`), which are part of its one partition."""
    listed = ", ".join(literal(value) for value in slices)
    return Scope(f"job = {literal(job)} AND {slice_of} IN ({listed})", (job,), whole=False)
