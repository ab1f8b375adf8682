"""Ticks in columns, sorted once by symbol and time for everything that follows. Pure.

Also for PostgreSQL: rows that come by symbol and time fill the pages of its index one after the other.
"""

from collections.abc import Mapping
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
    """A batch by (symbol, time, seq, provider), ties as they came; all arrays of one length N.

    `symbols[code[i]]` and `providers[provider[i]]` are tick i's; both are in the order of their names. Prices and sizes
    are NaN where a tick has none.
    """

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
    kept = np.flatnonzero(fits)
    order = kept[_by_time(columns, kept, len(symbols))]
    return Ticks(symbols=symbols, providers=providers, **{name: values[order] for name, values in columns.items()})


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


def _by_time(columns: Mapping[str, np.ndarray], kept: np.ndarray, symbols: int) -> np.ndarray:
    """Places within `kept` in the order of Ticks."""
    code, at_us, seq, provider = (columns[name][kept] for name in ("code", "at_us", "seq", "provider"))
    first_us, last_us = (int(at_us.min()), int(at_us.max())) if len(kept) else (0, 0)
    if last_us - first_us < 1 << _SPAN_BITS and symbols < 1 << (62 - _SPAN_BITS):
        key = (code.astype(np.int64) << _SPAN_BITS) | (at_us - first_us)
        order = np.argsort(key, kind="stable")
        if _is_in_order(key[order], seq[order], provider[order]):
            return order
    return np.lexsort((provider, seq, at_us, code))


def _is_in_order(key: np.ndarray, seq: np.ndarray, provider: np.ndarray) -> bool:
    """Whether ticks of one symbol and instant follow each other by (seq, provider) already, as a feed sends them."""
    ties = np.flatnonzero(key[1:] == key[:-1])
    ascends = seq[ties] < seq[ties + 1]
    same = seq[ties] == seq[ties + 1]
    return bool(np.all(ascends | (same & (provider[ties] <= provider[ties + 1]))))


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
