"""Daily closes of several instruments as one history: common days, corporate actions undone, nothing stale. Pure."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np

from lakehouse.domain.money import DIGITS
from lakehouse.errors import TidemarkError
from lakehouse.portfolio.fx import RateMissing, Rates, line
from lakehouse.quality.actions import Action, adjust
from lakehouse.risk import align
from lakehouse.risk.checks import FloatArray

STALE_DAYS = 10


class NotComputable(TidemarkError):
    """The numbers cannot be made from what is there; `code` says why, and zero would be a lie."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Closes:
    """Daily closes of a symbol, oldest first."""

    symbol: str
    days: Sequence[date]
    closes: Sequence[Decimal]

    def on(self, day: date) -> Decimal:
        """The close of `day`. Raises NotComputable where it has none."""
        place = bisect_left(self.days, day)
        if place == len(self.days) or self.days[place] != day:
            raise NotComputable("history_missing", f"There is no close of {self.symbol} of {day}.")
        return self.closes[place]


@dataclass(frozen=True, slots=True)
class History:
    """N instruments in the order of their symbols on the last T + 1 `days` that all of them have, oldest first.

    `levels` (T + 1, N): closes as they compare with the `last` ones (N,), corporate actions undone. `dropped` counts
    the days left out because an instrument had no close on them.
    """

    symbols: tuple[str, ...]
    days: Sequence[date]
    levels: FloatArray
    last: tuple[Decimal, ...]
    dropped: int


def common_history(series: Sequence[Closes], actions: Sequence[Action], *, window_days: int) -> History:
    """The history of `series`, one of each symbol, with `window_days` + 1 days.

    Raises NotComputable where one has stopped being priced, RiskError for too few common days, ActionRefused.
    """
    aligned = align(
        symbols=np.repeat([each.symbol for each in series], [len(each.days) for each in series]),
        dates=np.array([day for each in series for day in each.days], dtype="datetime64[D]"),
        prices=np.array([level for each in series for level in _levels(each, actions)]),
        required=window_days + 1,
    )
    days: list[date] = aligned.dates[-(window_days + 1) :].tolist()
    _require_fresh(series, days[-1])
    by_symbol = {each.symbol: each for each in series}
    last = tuple(by_symbol[symbol].on(days[-1]) for symbol in aligned.symbols)
    return History(aligned.symbols, days, aligned.prices[-(window_days + 1) :], last, aligned.dropped)


def in_base(history: History, currencies: Sequence[str], base: str, rates: Rates) -> History:
    """The same history (prices of the N `currencies`) in `base`, at the rate of each day: its returns are those of
    price and rate together. Symbols are lines (portfolio.fx.line). Raises NotComputable where a rate is missing."""
    levels, last = history.levels.copy(), list(history.last)
    for column, currency in enumerate(currencies):
        if currency != base:
            turned = rates_on(rates, currency, base, history.days)
            levels[:, column] *= [float(rate) for rate in turned]
            with localcontext(prec=DIGITS):
                last[column] *= turned[-1]
    names = tuple(line(symbol, own, base) for symbol, own in zip(history.symbols, currencies, strict=True))
    return replace(history, symbols=names, levels=levels, last=tuple(last))


def rates_on(rates: Rates, currency: str, base: str, days: Sequence[date]) -> list[Decimal]:
    """Units of `base` for one of `currency` on each of `days`. Raises NotComputable where a rate is missing."""
    try:
        return [rates.require(currency, base, day) for day in days]
    except RateMissing as error:
        raise NotComputable("rate_missing", f"T{str(error)[1:]}: PUT /api/v1/fx-rates sets it.") from error


def _require_fresh(series: Sequence[Closes], day: date) -> None:
    """The last common date is today's for the whole portfolio, or an instrument has stopped being priced."""
    newest = max(each.days[-1] for each in series)
    old = sorted(each.symbol for each in series if (newest - each.days[-1]).days > STALE_DAYS)
    if old or (newest - day).days > STALE_DAYS:
        named = ", ".join(old[:10]) or "some instruments"
        raise NotComputable("history_stale", f"{named} have no close after {day}, others have until {newest}.")


def _levels(series: Closes, actions: Sequence[Action]) -> list[float]:
    """The closes as they compare with the last one."""
    own = [each for each in actions if each.symbol == series.symbol]
    if not own:
        return [float(close) for close in series.closes]
    return [float(level) for level in adjust(series.days, [Fraction(close) for close in series.closes], own)]
