"""Ticks to one-minute bars."""

from pyspark.sql import DataFrame, functions as F

from lakehouse.contracts.tables.gold import BARS_1M

USED = ("event_date", "symbol", "provider", "event_time", "sequence", "price", "size")
SUM = "0D, (total, next) -> total + next"


def bars(ticks: DataFrame) -> DataFrame:
    """One bar a symbol and minute that has a trade with a price.

    Open and close are the first and last trade by event time, then sequence, then provider. A trade without a size
    adds no volume. Sums are taken in that same order: floats added in another order differ in their last digits, and
    a bar must be the same however the rows are partitioned.
    """
    trades = ticks.where((F.col("kind") == "trade") & F.col("price").isNotNull()).select(*USED)
    ordered = F.struct(
        "event_time", "sequence", "provider", F.col("price").alias("p"), F.coalesce("size", F.lit(0.0)).alias("s")
    )
    minutes = trades.groupBy("event_date", "symbol", F.date_trunc("minute", "event_time").alias("bar_start")).agg(
        F.array_sort(F.collect_list(ordered)).alias("t")
    )
    return minutes.select(
        "event_date",
        "symbol",
        "bar_start",
        F.expr("element_at(t, 1).p").alias("open"),
        F.expr("array_max(t.p)").alias("high"),
        F.expr("array_min(t.p)").alias("low"),
        F.expr("element_at(t, -1).p").alias("close"),
        F.expr(f"aggregate(t.s, {SUM})").alias("volume"),
        F.expr(f"aggregate(transform(t, x -> x.p * x.s), {SUM})").alias("_traded"),
        F.expr("cast(size(t) AS bigint)").alias("trade_count"),
    ).select(
        *(name for name in BARS_1M.column_names if name not in ("vwap", "trade_count")),
        F.expr("nullif(_traded, 0D) / nullif(volume, 0D)").alias("vwap"),
        "trade_count",
    )
