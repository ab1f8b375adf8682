"""Daily bars to close-to-close returns."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lakehouse.contracts.tables.gold import RETURNS_DAILY

USED = ("business_year", "symbol", "business_date", "currency", "close")


def returns(bars: DataFrame) -> DataFrame:
    """One row a bar that has a bar before it in `bars`: the first bar of an instrument has no return, not a zero one.

    A change of currency between two closes ends a series as if it began there: their ratio is no return.
    """
    before = Window.partitionBy("symbol").orderBy("business_date")
    pairs = bars.select(
        *USED,
        F.lag("business_date").over(before).alias("previous_date"),
        F.lag("close").over(before).cast("double").alias("_before"),
        F.lag("currency").over(before).alias("_currency"),
    ).where(F.col("_currency") == F.col("currency"))
    ratio = F.col("close").cast("double") / F.col("_before")
    return pairs.select(
        "business_year",
        "symbol",
        "business_date",
        "previous_date",
        "currency",
        "close",
        (ratio - 1.0).alias("simple_return"),
        F.log(ratio).alias("log_return"),
    ).select(*RETURNS_DAILY.column_names)
