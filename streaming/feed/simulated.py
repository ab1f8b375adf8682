"""Simulated ticks that join real closes: one seeded Brownian bridge a symbol and day, marked as simulated."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.clock import epoch_us
from lakehouse.contracts.render import arrow
from lakehouse.contracts.topics import TICKS
from lakehouse.errors import TidemarkError
from lakehouse.trading import calendars

PROVIDER = "simulated"
CALENDAR = "XNYS"
DAILY_VOLATILITY = 0.012
HALF_SPREAD = 0.0002
LOT = 100


class SimulationError(TidemarkError):
    """The closes do not reach far enough, or name a day on which the exchange was shut."""


@dataclass(frozen=True, slots=True)
class _Session:
    """One symbol's day: its two closes in currency, and the exchange's hours in microseconds since 1970 UTC."""

    symbol: str
    day: date
    previous: Decimal
    close: Decimal
    open_us: int
    close_us: int


def simulate(closes: pa.Table, *, days: int, ticks_per_day: int, seed: int) -> Iterator[pa.Table]:
    """The last `days` trading days of `closes`, one table of `market.ticks` rows a day, ordered by time, then symbol.

    Each symbol has `ticks_per_day` trades and quotes within the hours of XNYS. The log of its mid price is a bridge
    from the previous day's close to the day's own; the last tick is a trade at the bell, at exactly that close
    rounded half to even to the cent. The same seed and closes give the same bytes, whatever other symbols there are.
    Raises SimulationError for fewer than days + 1 dates, a symbol without a close, or a day XNYS was shut.
    """
    if days < 1 or ticks_per_day < 1:
        raise SimulationError(f"{days} days of {ticks_per_day} ticks: both must be at least 1")
    dates = sorted(pc.unique(closes["business_date"]).to_pylist())[-days - 1 :]
    if len(dates) < days + 1:
        raise SimulationError(f"{days} days need {days + 1} dates of closes (the path starts at the close before)")
    prices = _prices(closes, dates)
    open_days = {session.day: session for session in calendars.sessions(CALENDAR, dates[0], dates[-1])}
    for before, day in pairwise(dates):
        open_us, close_us = _hours(open_days, day)
        sessions = [
            _Session(symbol, day, prices[symbol, before], prices[symbol, day], open_us, close_us)
            for symbol in sorted({name for name, _ in prices})
        ]
        yield _ordered([_ticks(session, ticks_per_day, seed) for session in sessions])


def cents(close: Decimal) -> int:
    """A close in whole cents, rounded half to even, at least one."""
    return max(1, int((close * 100).quantize(Decimal(1), ROUND_HALF_EVEN)))


def _prices(closes: pa.Table, dates: list[date]) -> dict[tuple[str, date], Decimal]:
    wanted = closes.filter(pc.is_in(closes["business_date"], value_set=pa.array(dates, pa.date32())))
    columns = (wanted[name].to_pylist() for name in ("symbol", "business_date", "close"))
    prices = {(symbol, day): close for symbol, day, close in zip(*columns, strict=True)}
    for symbol in {name for name, _ in prices}:
        for day in dates:
            if (symbol, day) not in prices:
                raise SimulationError(f"{symbol} has no close on {day}: no path can join its days")
    return prices


def _hours(open_days: Mapping[date, calendars.Session], day: date) -> tuple[int, int]:
    if (session := open_days.get(day)) is None:
        raise SimulationError(f"{CALENDAR} was shut on {day}: the closes are not this exchange's")
    return epoch_us(session.opens_at), epoch_us(session.closes_at)


def _ticks(session: _Session, count: int, seed: int) -> dict[str, npt.NDArray[np.generic]]:
    # A stream of its own for every symbol and day: adding a symbol changes nobody else's ticks.
    rng = np.random.default_rng([seed, session.day.toordinal(), crc32(session.symbol.encode())])
    times = np.append(np.sort(rng.integers(session.open_us, session.close_us, count - 1)), session.close_us)
    mid = _mid(session, times, rng)
    bid = np.maximum(np.floor(mid * (1 - HALF_SPREAD) * 100).astype(np.int64), 1)
    ask = np.maximum(np.ceil(mid * (1 + HALF_SPREAD) * 100).astype(np.int64), bid + 1)
    price = np.where(rng.random(count) < 0.5, bid, ask)
    price[-1] = cents(session.close)
    trade = rng.random(count) < 0.5
    trade[-1] = True
    sizes = rng.geometric(0.3, size=(3, count)) * LOT
    return {
        "symbol": np.full(count, session.symbol, dtype=object),
        "event_time_us": times,
        "kind": np.where(trade, "trade", "quote").astype(object),
        "sequence": np.arange(1, count + 1),
        "price": _where(trade, price / 100),
        "size": _where(trade, sizes[0]),
        "bid_price": _where(~trade, bid / 100),
        "bid_size": _where(~trade, sizes[1]),
        "ask_price": _where(~trade, ask / 100),
        "ask_size": _where(~trade, sizes[2]),
    }


def _mid(session: _Session, times: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    elapsed = (times - session.open_us) / (session.close_us - session.open_us)
    walk = np.cumsum(rng.standard_normal(times.size) * np.sqrt(np.diff(elapsed, prepend=0.0)))
    bridge = walk - elapsed * walk[-1]
    start, end = float(session.previous.ln()), float(session.close.ln())
    path: npt.NDArray[np.float64] = np.exp(start + elapsed * (end - start) + DAILY_VOLATILITY * bridge)
    return path


def _where(mask: npt.NDArray[np.bool_], values: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    return np.where(mask, values.astype(np.float64), np.nan)


def _ordered(parts: list[dict[str, npt.NDArray[np.generic]]]) -> pa.Table:
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    columns["provider"] = np.full(columns["symbol"].size, PROVIDER, dtype=object)
    # Symbols are concatenated in order, so a stable sort by time keeps equal times in the order of symbols.
    order = np.argsort(columns["event_time_us"], kind="stable")
    schema = pa.schema([field for field in arrow.message_schema(TICKS) if field.name in columns])
    arrays = [pa.array(columns[field.name][order], field.type, from_pandas=True) for field in schema]
    return pa.table(arrays, schema=schema)
