"""Daily bars to close-to-close returns."""

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame, Window, functions as F

from lakehouse.contracts.tables.gold import RETURNS_DAILY

USED = ("business_year", "symbol", "business_date", "currency", "close")


def returns(bars: DataFrame, acted: Sequence[Mapping[str, str]] = ()) -> DataFrame:
    """One row a bar that has a bar before it in `bars`: the first bar of an instrument has no return, not a zero one.

    A change of currency between two closes ends a series as if it began there: their ratio is no return. `acted`:
    corporate actions as `actions.active` tells them; a close before an ex-date counts as what a holder has of it
    afterwards, so that a split is no loss and a dividend is part of the return.
    """
    before = Window.partitionBy("symbol").orderBy("business_date")
    pairs = bars.select(
        *USED,
        F.lag("business_date").over(before).alias("previous_date"),
        F.lag("close").over(before).cast("double").alias("_before"),
        F.lag("currency").over(before).alias("_currency"),
    ).where(F.col("_currency") == F.col("currency"))
    pairs = _adjusted(pairs, acted) if acted else pairs
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


def _adjusted(pairs: DataFrame, acted: Sequence[Mapping[str, str]]) -> DataFrame:
    """`pairs` with `_before` as it counts after the actions between the two bars: (close - cash) * scale, in the
    order in which `lakehouse.quality.actions.adjust` does it."""
    rows = [(each["symbol"], each["ex_date"], each["scale"], each["cash"]) for each in acted]
    known = pairs.sparkSession.createDataFrame(rows, "symbol string, ex string, scale string, cash string")
    each = "struct(ex, cast(scale AS double) AS scale, cast(cash AS double) AS cash)"
    # Sorted, so that products and sums come out the same to the last bit.
    by_symbol = known.groupBy("symbol").agg(F.expr(f"array_sort(collect_list({each}))").alias("_acted"))
    between = "filter(_acted, x -> x.ex > cast(previous_date AS string) AND x.ex <= cast(business_date AS string))"
    cash = f"aggregate({between}, 0D, (total, x) -> total + x.cash)"
    scale = f"aggregate({between}, 1D, (total, x) -> total * x.scale)"
    joined = pairs.join(F.broadcast(by_symbol), on="symbol", how="left")
    before = F.expr(f"CASE WHEN _acted IS NULL THEN _before ELSE (_before - {cash}) * {scale} END")
    return joined.withColumn("_before", before).drop("_acted")
