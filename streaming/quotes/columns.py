"""Ticks in columns, sorted once for everything that follows. Pure."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.stores import quotes_copy

LONGEST_NAME = 64
_PRICES = ("price", "size", "bid_price", "bid_size", "ask_price", "ask_size")
_SPAN_BITS = 44  # of microseconds: 203 days


@dataclass(frozen=True, slots=True)
class Ticks:
    """A batch; all arrays of one length N. `symbols[code[i]]` and `providers[provider[i]]` are tick i's; providers are
    in the order of their names. Prices and sizes are NaN where a tick has none."""

    symbols: tuple[str, ...]
    code: np.ndarray
    providers: tuple[str, ...]
    provider: np.ndarray
    is_trade: np.ndarray
    at_us: np.ndarray
    seq: np.ndarray
    price: np.ndarray
    size: np.ndarray
    bid: np.ndarray
    bid_size: np.ndarray
    ask: np.ndarray
    ask_size: np.ndarray
    partition: np.ndarray
    offset: np.ndarray
    is_ahead: np.ndarray

    def __len__(self) -> int:
        return len(self.code)


def ticks_of(rows: pa.Table, partition: np.ndarray, offset: np.ndarray, is_ahead: np.ndarray) -> Ticks:
    """Columns of rows that keep the contract of market.ticks, and where they crossed Kafka. `is_ahead`: ticks from the
    future, which are kept, but never the newest.

    Left out are ticks whose symbol or provider PostgreSQL cannot hold or index: NUL, or above LONGEST_NAME bytes.
    """
    symbols, code = _dictionary(rows["symbol"])
    providers, provider = _dictionary(rows["provider"])
    fits = _storable(symbols)[code] & _storable(providers)[provider]
    columns = {
        "code": code,
        "provider": provider,
        "is_trade": pc.equal(rows["kind"], "trade").to_numpy(),
        "at_us": rows["event_time_us"].to_numpy(),
        "seq": rows["sequence"].to_numpy(),
        **{name.removesuffix("_price"): rows[name].to_numpy() for name in _PRICES if name != "price"},
        "price": rows["price"].to_numpy(),
        "partition": partition,
        "offset": offset,
        "is_ahead": is_ahead,
    }
    if not fits.all():
        columns = {name: values[fits] for name, values in columns.items()}
    return Ticks(symbols=symbols, providers=providers, **columns)


def by_time(ticks: Ticks) -> np.ndarray:
    """Places of the ticks by (symbol, time, seq, provider), ties as they came: int64 of length N."""
    if not len(ticks):
        return np.empty(0, np.int64)
    first_us, last_us = int(ticks.at_us.min()), int(ticks.at_us.max())
    if last_us - first_us < 1 << _SPAN_BITS and len(ticks.symbols) < 1 << (62 - _SPAN_BITS):
        key = (ticks.code.astype(np.int64) << _SPAN_BITS) | (ticks.at_us - first_us)
        order = np.argsort(key, kind="stable")
        if _is_in_order(ticks, key, order):
            return order
    return np.lexsort((ticks.provider, ticks.seq, ticks.at_us, ticks.code))


def copy_columns(ticks: Ticks) -> tuple[quotes_copy.CopyColumn, ...]:
    """The columns of market.quote_tick."""
    return (
        quotes_copy.Instants(ticks.at_us),
        quotes_copy.Text([name.encode() for name in ticks.symbols], ticks.code),
        quotes_copy.Plain(ticks.is_trade),
        quotes_copy.Text([name.encode() for name in ticks.providers], ticks.provider),
        quotes_copy.Plain(ticks.seq),
        quotes_copy.Floats(ticks.price),
        quotes_copy.Floats(ticks.size),
        quotes_copy.Floats(ticks.bid),
        quotes_copy.Floats(ticks.bid_size),
        quotes_copy.Floats(ticks.ask),
        quotes_copy.Floats(ticks.ask_size),
        quotes_copy.Plain(ticks.partition.astype(np.int32, copy=False)),
        quotes_copy.Plain(ticks.offset),
    )


def _is_in_order(ticks: Ticks, key: np.ndarray, order: np.ndarray) -> bool:
    """Whether ticks of one symbol and instant follow each other by (seq, provider) already, as a feed sends them."""
    placed = key[order]
    ties = np.flatnonzero(placed[1:] == placed[:-1])
    before, after = order[ties], order[ties + 1]
    same = ticks.seq[before] == ticks.seq[after]
    ascends = ticks.seq[before] < ticks.seq[after]
    return bool(np.all(ascends | (same & (ticks.provider[before] <= ticks.provider[after]))))


def _dictionary(column: pa.ChunkedArray) -> tuple[tuple[str, ...], np.ndarray]:
    """The distinct values in order, and the place of each row's."""
    encoded = column.combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    place = np.empty(len(names), np.int32)
    place[order] = np.arange(len(names), dtype=np.int32)
    return tuple(names[index] for index in order), place[encoded.indices.to_numpy()]


def _storable(names: tuple[str, ...]) -> np.ndarray:
    return np.array([0 < len(name.encode()) <= LONGEST_NAME and "\0" not in name for name in names], np.bool_)
