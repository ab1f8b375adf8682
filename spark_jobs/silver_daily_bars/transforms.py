"""Bronze bars to silver bars and rejected rows."""

from datetime import date

from pyspark.sql import Column, DataFrame, functions as F

from lakehouse.contracts.reasons import Reason
from lakehouse.contracts.tables.silver import DAILY_BARS
from spark_jobs.kit import judged as judged_rows
from spark_jobs.kit.judged import DETAIL, REASON, SOURCE

SESSION = "_session"
USED = (
    *SOURCE,
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
    return judged_rows.kept(rows, DAILY_BARS, ("business_year",))


def rejected(rows: DataFrame, job: str) -> DataFrame:
    """The refused rows with their reason."""
    return judged_rows.rejected(rows, job, "business_date")


def _text(name: str) -> Column:
    return F.col(name).cast("string")
