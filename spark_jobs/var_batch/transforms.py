"""What the risk of a business date is computed from beside its holdings: closes and volumes up to it."""

from datetime import date

from pyspark.sql import DataFrame, functions as F

CLOSES = ("symbol", "business_date", "previous_date", "currency", "close", "simple_return")
BARS = ("symbol", "business_date", "close", "volume")


def closes(returns: DataFrame, symbols: tuple[str, ...], first_year: int, business_date: date) -> DataFrame:
    """Closes and returns of `symbols` from the start of `first_year` up to and with `business_date`."""
    return _up_to(returns, symbols, first_year, business_date).select(*CLOSES)


def bars(silver: DataFrame, symbols: tuple[str, ...], first: date, business_date: date) -> DataFrame:
    """Bars of `symbols` from `first` up to and with `business_date`."""
    found = _up_to(silver, symbols, first.year, business_date)
    return found.where(F.col("business_date") >= F.lit(first)).select(*BARS)


def _up_to(frame: DataFrame, symbols: tuple[str, ...], first_year: int, business_date: date) -> DataFrame:
    in_time = F.col("business_year").between(first_year, business_date.year) & (
        F.col("business_date") <= F.lit(business_date)
    )
    return frame.where(in_time & F.col("symbol").isin(*symbols))
