"""Bronze bars to silver bars and rejected rows."""

from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lakehouse.contracts.reasons import Reason
from lakehouse.contracts.tables.silver import DAILY_BARS, REJECTED_ROWS
from spark_jobs.kit.landed import COPIES, latest_first

SESSION = "_session"
REASON, DETAIL = "_reason", "_detail"
USED = (
    *("_topic", "_partition", "_offset", "_kafka_ts"),
    *("symbol", "business_date", "kind", "provider", "currency", "open", "high", "low", "close", "volume"),
)


def in_years(years: tuple[int, ...]) -> Column:
    """Bronze bars of those years, ascending. The range is what Delta can skip files by."""
    day = F.col("business_date")
    span = day.between(F.lit(date(years[0], 1, 1)), F.lit(date(years[-1], 12, 31)))
    return span & F.year(day).isin(*years)


def judged(bronze: DataFrame, sessions: DataFrame) -> DataFrame:
    """Every bronze bar with the reason why it is refused, null for a good one. `sessions`: trading days in _session."""
    known = F.broadcast(sessions.select(SESSION))
    rows = bronze.select(*USED, F.year("business_date").alias("business_year"))
    joined = rows.join(known, how="left", on=rows["business_date"] == known[SESSION])
    not_traded = F.col(SESSION).isNull()
    not_positive = F.col("close") <= 0
    inverted = F.col("high") < F.col("low")
    reason = F.when(not_traded, Reason.NOT_A_TRADING_DAY).when(not_positive, Reason.NON_POSITIVE_PRICE)
    day = F.col("business_date").cast("string")
    detail = F.when(not_traded, F.concat(day, F.lit(" is no trading day"))).when(
        not_positive, F.concat(F.lit("close is "), F.col("close").cast("string"))
    )
    return joined.select(
        *USED,
        "business_year",
        reason.when(inverted, Reason.HIGH_BELOW_LOW).alias(REASON),
        detail.when(inverted, F.concat_ws(" is below low ", _text("high"), _text("low"))).alias(DETAIL),
    )


def kept(rows: DataFrame) -> DataFrame:
    """The good bars, of several for one instrument and day the one landed last, and how many copies there were."""
    of_key = Window.partitionBy("business_year", "symbol", "business_date")
    ranked = (
        rows.where(F.col(REASON).isNull())
        .repartition("business_year")
        .withColumn("_rank", F.row_number().over(of_key.orderBy(*latest_first())))
        .withColumn(COPIES, F.count(F.lit(1)).over(of_key))
    )
    return ranked.where(F.col("_rank") == 1).select(*DAILY_BARS.column_names, COPIES)


def rejected(rows: DataFrame, job: str) -> DataFrame:
    """The refused rows with their reason."""
    bad = rows.where(F.col(REASON).isNotNull())
    return bad.select(
        F.lit(job).alias("job"),
        F.col("business_date").alias("event_date"),
        "_topic",
        "_partition",
        "_offset",
        F.col(REASON).alias("reason"),
        F.col(DETAIL).alias("detail"),
    ).select(*REJECTED_ROWS.column_names)


def _text(name: str) -> Column:
    return F.col(name).cast("string")
