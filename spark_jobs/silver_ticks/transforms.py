"""Bronze ticks to silver ticks and rejected rows."""

from datetime import UTC, date, datetime, time

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lakehouse.clock import epoch_us
from lakehouse.contracts.reasons import Reason
from lakehouse.contracts.tables.bronze import TICK_FIELDS
from lakehouse.contracts.tables.silver import REJECTED_ROWS, TICKS
from spark_jobs.kit.landed import COPIES, latest_first

REASON, DETAIL = "_reason", "_detail"
DAY_US = 86_400_000_000
KINDS = ("trade", "quote")
USED = (
    *("_topic", "_partition", "_offset", "_kafka_ts"),
    *(column.name for column in TICK_FIELDS if column.name != "event_time_us"),
)


def event_date() -> Column:
    """UTC date of a bronze tick, whatever the session's time zone."""
    return F.to_date(F.timestamp_micros(F.col("event_time_us")))


def in_dates(dates: tuple[date, ...]) -> Column:
    """Bronze ticks of those UTC dates, ascending. The range is what Delta can skip files by."""
    first, last = (epoch_us(datetime.combine(day, time(), UTC)) for day in (dates[0], dates[-1]))
    span = F.col("event_time_us").between(first, last + DAY_US - 1)
    return span & event_date().isin(*dates)


def judged(bronze: DataFrame) -> DataFrame:
    """Every bronze tick with the reason why it is refused, null for a good one."""
    unknown = ~F.col("kind").isin(*KINDS)
    not_positive = F.col("price") <= 0
    time = F.timestamp_micros(F.col("event_time_us"))
    return bronze.select(
        *USED,
        time.alias("event_time"),
        F.to_date(time).alias("event_date"),
        F.when(unknown, Reason.UNKNOWN_KIND).when(not_positive, Reason.NON_POSITIVE_PRICE).alias(REASON),
        F.when(unknown, F.concat(F.lit("kind is "), F.col("kind")))
        .when(not_positive, F.concat(F.lit("price is "), F.col("price").cast("string")))
        .alias(DETAIL),
    )


def kept(rows: DataFrame) -> DataFrame:
    """The good ticks, of several with one key the one landed last, and how many copies there were."""
    of_key = Window.partitionBy("event_date", "symbol", "provider", "event_time", "sequence")
    ranked = (
        rows.where(F.col(REASON).isNull())
        .repartition("event_date", "symbol")
        .withColumn("_rank", F.row_number().over(of_key.orderBy(*latest_first())))
        .withColumn(COPIES, F.count(F.lit(1)).over(of_key))
    )
    return ranked.where(F.col("_rank") == 1).select(*TICKS.column_names, COPIES)


def rejected(rows: DataFrame, job: str) -> DataFrame:
    """The refused rows with their reason."""
    bad = rows.where(F.col(REASON).isNotNull())
    return bad.select(
        F.lit(job).alias("job"),
        "event_date",
        "_topic",
        "_partition",
        "_offset",
        F.col(REASON).alias("reason"),
        F.col(DETAIL).alias("detail"),
    ).select(*REJECTED_ROWS.column_names)
