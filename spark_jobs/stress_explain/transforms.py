"""What the job reads of the lake beside positions: closes of a few days, and returns of windows."""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import reduce
from operator import or_

from pyspark.sql import DataFrame, functions as F

BARS = ("symbol", "business_date", "close", "currency")
RETURNS = ("symbol", "business_date", "previous_date", "simple_return")
Span = tuple[date, date]


def bars(silver: DataFrame, symbols: Iterable[str], first: date, last: date) -> DataFrame:
    """Closes of `symbols` from `first` to `last`, as they were traded."""
    return _within(silver, symbols, ((first, last),)).select(*BARS)


def returns(gold: DataFrame, symbols: Iterable[str], spans: Iterable[Span], until: date) -> DataFrame:
    """Returns of `symbols` in any of `spans`, none of them after `until`: a scenario knows nothing of the future."""
    known = tuple((first, min(last, until)) for first, last in spans if first <= until)
    return _within(gold, symbols, known).select(*RETURNS)


def totals(gold: DataFrame, span: Span, until: date) -> DataFrame:
    """All instruments' returns of each day of `span` in sum, none after `until`: (business_date, total, instruments).
    Decimals, which add up to the same in any order."""
    first, last = span
    days = _in_spans(gold, ((first, min(last, until)),))
    move = F.col("simple_return").cast("decimal(20, 12)")
    return days.groupBy("business_date").agg(F.sum(move).alias("total"), F.count("*").alias("instruments"))


def days_back(last: date, days: int) -> Span:
    """A span with at least `days` trading days up to `last`: 250 make a year, and there is one to spare."""
    return last - timedelta(days=365 * (days // 250 + 2)), last


def _within(frame: DataFrame, symbols: Iterable[str], spans: tuple[Span, ...]) -> DataFrame:
    return _in_spans(frame, spans).where(F.col("symbol").isin(*sorted(symbols)))


def _in_spans(frame: DataFrame, spans: tuple[Span, ...]) -> DataFrame:
    years = sorted({year for first, last in spans for year in range(first.year, last.year + 1)})
    day = F.col("business_date")
    in_span = reduce(or_, (day.between(F.lit(first), F.lit(last)) for first, last in spans), F.lit(False))
    return frame.where(F.col("business_year").isin(*years) & in_span)
