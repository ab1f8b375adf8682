"""What the risk of a business date is computed from: its holdings, and the closes up to it."""

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

HELD = ("portfolio_id", "portfolio_name", "base_currency", "symbol", "quantity")
CLOSES = ("symbol", "business_date", "currency", "close")


def holdings(positions: DataFrame, business_date: date) -> DataFrame:
    """The holdings at the close of `business_date`."""
    return positions.where(F.col("business_date") == F.lit(business_date)).select(*HELD)


def closes(returns: DataFrame, symbols: tuple[str, ...], first_year: int, business_date: date) -> DataFrame:
    """Closes of `symbols` from the start of `first_year` up to and with `business_date`."""
    in_time = F.col("business_year").between(first_year, business_date.year) & (
        F.col("business_date") <= F.lit(business_date)
    )
    return returns.where(in_time & F.col("symbol").isin(*symbols)).select(*CLOSES)
