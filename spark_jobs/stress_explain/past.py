"""What happened before the day: returns of instruments and of the market, and exchange rates. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.portfolio.fx import Rates, pair_of, symbol_of
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.returns import DateArray
from spark_jobs.kit.rates import NO_RATES, rates_on

FEWEST_DAYS = 60
"""Days with returns below which no covariance and no beta is estimated."""


@dataclass(frozen=True, slots=True)
class Series:
    """An instrument's daily returns: `days` (T,) ascending, each `after` (T,) the bar before; `returns` (T,) adjusted
    for corporate actions."""

    days: DateArray
    after: DateArray
    returns: FloatArray


def series_of(returns: pa.Table) -> dict[str, Series]:
    """Returns (symbol, business_date, previous_date, simple_return) in any order, by symbol."""
    ordered = returns.sort_by([("symbol", "ascending"), ("business_date", "ascending")]).combine_chunks()
    names = ordered["symbol"].to_numpy(zero_copy_only=False)
    days, after = (pc.cast(ordered[name], pa.date32()).to_numpy() for name in ("business_date", "previous_date"))
    moves = ordered["simple_return"].to_numpy()
    bounds = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), len(names)]
    return {
        str(names[first]): Series(days[first:last], after[first:last], moves[first:last])
        for first, last in pairwise(bounds)
        if first < last
    }


@dataclass(frozen=True, slots=True)
class Market:
    """What betas are to, in words, and its returns."""

    name: str
    series: Series


def mean_of_all(returns: pa.Table) -> Market | None:
    """The market as the mean of every instrument's return: rows (business_date, total, instruments), in any order; None
    without any."""
    if not returns.num_rows:
        return None
    ordered = returns.sort_by("business_date")
    days = pc.cast(ordered["business_date"], pa.date32()).to_numpy()
    totals = pc.cast(ordered["total"], pa.float64()).to_numpy()
    means = totals / ordered["instruments"].to_numpy()
    return Market("the mean of all instruments", Series(days, days - np.timedelta64(1, "D"), means))


@dataclass(frozen=True, slots=True)
class Past:
    """Returns of instruments by symbol, in the currency of their prices, the exchange rates since, and the returns of
    the market."""

    returns: Mapping[str, Series]
    rates: Rates = NO_RATES
    market: Market | None = None

    def of(self, line: str) -> Series | None:
        """The returns of a line's instrument; None where there are none."""
        return self.returns.get(symbol_of(line))

    def in_base(self, line: str, series: Series) -> Series:
        """`series` in the currency that the line is measured in: (1 + price's) (1 + rate's) - 1. Raises Unmeasured for
        a rate that is missing."""
        if (pair := pair_of(line)) is None:
            return series
        before, after = (rates_on(self.rates, pair, days.tolist()) for days in (series.after, series.days))
        return replace(series, returns=(1.0 + series.returns) * (after / before) - 1.0)
