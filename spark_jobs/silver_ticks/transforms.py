"""Bronze ticks to silver ticks and rejected rows."""

from datetime import UTC, date, datetime, time

from pyspark.sql import Column, DataFrame, functions as F

from lakehouse.clock import epoch_us
from lakehouse.contracts.reasons import Reason
from lakehouse.contracts.tables.bronze import TICK_FIELDS
from lakehouse.contracts.tables.silver import TICKS
from spark_jobs.kit import judged as judged_rows
from spark_jobs.kit.judged import DETAIL, REASON, SOURCE

DAY_US = 86_400_000_000
KINDS = ("trade", "quote")
USED = (
    *SOURCE,
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
    return judged_rows.kept(rows, TICKS, ("event_date", "symbol"))


def rejected(rows: DataFrame, job: str) -> DataFrame:
    """The refused rows with their reason."""
    return judged_rows.rejected(rows, job, "event_date")
