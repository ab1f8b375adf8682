"""Rows of daily bars as a market, and parts of one chosen by name and date."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lakehouse.backtest.market import Action, BadMarket, DayArray, Market
from lakehouse.risk.checks import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRows:
    """K bars in any order; `open`, `high`, `low` and `volume` may be NaN where unknown."""

    dates: DayArray
    symbols: npt.NDArray[np.str_]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray


def market_of(rows: BarRows, *, survivorship: str) -> Market:
    """The bars as a market. A bar without an open, high or low has its close in their place, and one whose high or low
    contradicts open and close is widened to them. Raises BadMarket for no rows, or two bars of one symbol and day."""
    if not len(rows.dates):
        raise BadMarket("there are no bars: ingest some, or take --dataset sp500")
    dates, day = np.unique(rows.dates.astype("datetime64[D]"), return_inverse=True)
    symbols, column = np.unique(rows.symbols, return_inverse=True)
    if len(np.unique(day.astype(np.int64) * len(symbols) + column)) != len(day):
        raise BadMarket("two bars of one symbol and day")

    def matrix(values: FloatArray, empty: float) -> FloatArray:
        filled = np.full((len(dates), len(symbols)), empty)
        filled[day, column] = values
        return filled

    close = matrix(rows.close, np.nan)
    first = matrix(np.where(np.isfinite(rows.open), rows.open, rows.close), np.nan)
    return Market(
        dates=dates,
        symbols=tuple(str(symbol) for symbol in symbols),
        open=first,
        high=np.fmax(matrix(rows.high, np.nan), np.fmax(first, close)),
        low=np.fmin(matrix(rows.low, np.nan), np.fmin(first, close)),
        close=close,
        volume=np.nan_to_num(matrix(rows.volume, 0.0)),
        survivorship=survivorship,
    )


class Event(NamedTuple):
    """What a company did to its shares on `ex_date`: a price before counts `scale` times, less `cash` a unit before
    that. 0.5 is a split of two for one, 1 and some cash a dividend, 0.9 a spin-off of a tenth."""

    symbol: str
    ex_date: np.datetime64
    scale: float
    cash: float


def with_events(market: Market, events: Iterable[Event]) -> Market:
    """The market with what happened to its instruments, each on its first day from the ex-date on; what was before the
    market or comes after it is left out. What a spin-off brings is sold and put into the instrument that it left."""
    column_of = {symbol: column for column, symbol in enumerate(market.symbols)}
    found: dict[tuple[int, int], Action] = {}
    for event in sorted(events):
        day = int(np.searchsorted(market.dates, event.ex_date.astype("datetime64[D]")))
        column = column_of.get(event.symbol)
        if column is None or not 0 < day < market.days:
            continue
        # Of one day: every cash is of a unit before all of it.
        before = found.get((day, column), Action(day, column))
        split = before.split / event.scale
        cash = before.dividend * before.split + event.cash
        found[day, column] = Action(day, column, split, cash / split)
    return replace(market, actions=(*market.actions, *found.values()))


def part(market: Market, *, symbols: Sequence[str] = (), start: str = "", end: str = "") -> Market:
    """The symbols, all for none, from `start` to `end` (YYYY-MM-DD, inclusive). Raises BadMarket for unknown symbols,
    dates that are none, or fewer than two days."""
    if unknown := sorted(set(symbols) - set(market.symbols)):
        raise BadMarket(f"no bars of {', '.join(unknown)}: there are {', '.join(market.symbols[:40])}")
    first = int(np.searchsorted(market.dates, _day(start), "left")) if start else 0
    last = int(np.searchsorted(market.dates, _day(end), "right")) if end else market.days
    if last - first < 2:
        raise BadMarket(f"no two days of bars from {start or 'the beginning'} to {end or 'the end'}")
    found = market.between(first, last)
    return _columns(found, [found.symbols.index(symbol) for symbol in symbols]) if symbols else found


def _columns(market: Market, chosen: list[int]) -> Market:
    place = {old: new for new, old in enumerate(chosen)}
    return replace(
        market,
        symbols=tuple(market.symbols[column] for column in chosen),
        open=np.ascontiguousarray(market.open[:, chosen]),
        high=np.ascontiguousarray(market.high[:, chosen]),
        low=np.ascontiguousarray(market.low[:, chosen]),
        close=np.ascontiguousarray(market.close[:, chosen]),
        volume=np.ascontiguousarray(market.volume[:, chosen]),
        delisting_return=market.delisting_return[chosen],
        actions=tuple(replace(one, column=place[one.column]) for one in market.actions if one.column in place),
    )


def _day(text: str) -> np.datetime64:
    try:
        return np.datetime64(text, "D")
    except ValueError:
        raise BadMarket(f"{text!r} is no date: write it as YYYY-MM-DD") from None
