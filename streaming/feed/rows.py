"""A batch of a file as the rows of a message and the rejects: parse, judge by the door's checks, find repeated keys."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.contracts.model import Type
from lakehouse.contracts.reasons import Reason
from lakehouse.contracts.render import arrow
from streaming.feed import parse
from streaming.feed.encode import Reject
from streaming.feed.files import RawBatch, Source
from streaming.feed.layout import TIME_FIELD, Kind, Layout
from streaming.kit.checks import check

_QUOTE_SIDES = (("bid_price", "bid_size"), ("ask_price", "ask_size"))
_WHAT = {
    Type.DECIMAL: "a price",
    Type.FLOAT64: "a number",
    Type.INT64: "a whole number",
    Type.DATE: "a date",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What the user says about a file. `known_symbols` is None where any symbol will do."""

    provider: str = "file"
    currency: str = "USD"
    timezone: str = "UTC"
    date_format: str | None = None
    zero_as_missing: frozenset[str] = frozenset()
    known_symbols: frozenset[str] | None = None
    max_future_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Judged:
    """`rows` are ready to send; `rejects` are the others. Their sum is the rows of the batch."""

    rows: pa.Table
    rejects: tuple[Reject, ...]


@dataclass(slots=True)
class SeenKeys:
    """The (symbol, day) pairs of the rows kept so far: 8 bytes each, sorted."""

    _codes: dict[str, int] = field(default_factory=dict)
    _seen: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def repeats(self, symbols: pa.ChunkedArray, days: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
        """True for every row whose pair came before, in this call or an earlier one. Neither column has nulls."""
        encoded = pc.dictionary_encode(symbols.combine_chunks())
        names = encoded.dictionary.to_pylist()
        codes = np.array([self._codes.setdefault(name, len(self._codes)) for name in names], dtype=np.int64)
        # By day first: a file in order of time adds at the end, and the stable sort below has next to nothing to do.
        pairs = (pc.cast(days, pa.int32()).to_numpy().astype(np.int64) << 32) + codes[encoded.indices.to_numpy()]
        order = np.argsort(pairs, kind="stable")
        ranked = pairs[order]
        repeated = self._has(ranked)
        repeated[1:] |= ranked[1:] == ranked[:-1]
        self._seen = np.sort(np.concatenate([self._seen, ranked[~repeated]]), kind="stable")
        again = np.empty_like(repeated)
        again[order] = repeated
        return again

    def _has(self, ranked: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        if not self._seen.size:
            return np.zeros(ranked.size, dtype=np.bool_)
        at = np.searchsorted(self._seen, ranked)
        found: npt.NDArray[np.bool_] = self._seen[np.minimum(at, self._seen.size - 1)] == ranked
        return found


class Judge:
    """Judges one file's batches in order."""

    def __init__(self, source: Source, layout: Layout, rules: Rules) -> None:
        self._source = source
        self._layout = layout
        self._rules = rules
        self._seen = SeenKeys()
        self._schema = arrow.message_schema(layout.topic)

    def judge(self, batch: RawBatch, *, now_us: int) -> Judged:
        """Split a batch into rows to send and rejects.

        A row gets the first fault found: a cell that cannot be read, then `streaming.kit.checks.check`, then an
        unknown symbol, then a key that an earlier good row of the file had. `now_us` is microseconds since 1970 UTC.
        """
        rows, faults = self._parsed(batch)
        verdict = check(self._layout.topic, rows, now_us=now_us, max_future_s=self._rules.max_future_s)
        for bad in verdict.bad:
            faults.setdefault(bad.index, (bad.reason, bad.detail))
        self._judge_symbols(rows, faults)
        if self._layout.kind is Kind.BARS:
            self._judge_keys(rows, faults)
        good = np.ones(rows.num_rows, dtype=np.bool_)
        good[list(faults)] = False
        rejects = (*batch.malformed, *self._rejects(batch, rows, faults))
        return Judged(rows.filter(pa.array(good)) if faults else rows, rejects)

    def _parsed(self, batch: RawBatch) -> tuple[pa.Table, "_Faults"]:
        columns: dict[str, pa.Array] = {}
        faults: _Faults = {}
        for name in self._schema.names:
            shown = TIME_FIELD if name == "event_time_us" else name
            cells = self._cells(batch, shown)
            if cells is None:
                columns[name] = self._default(name, batch, columns)
                continue
            parsed = self._reader(name)(cells)
            columns[name] = self._filled(name, self._without_zeros(shown, parsed.values), batch)
            if pc.any(parsed.bad).as_py():
                _note(faults, parsed.bad, cells, partial(self._unreadable, name, shown))
        rows = pa.table(columns, schema=self._schema)
        return (_without_empty_sides(rows) if self._layout.kind is Kind.TICKS else rows), faults

    def _cells(self, batch: RawBatch, name: str) -> pa.Array | None:
        column = self._layout.columns.get(name)
        if column is None or (self._layout.kind is Kind.BARS and name == "kind"):
            return None
        return batch.cells.column(column).combine_chunks()

    def _reader(self, name: str) -> Callable[[pa.Array], parse.Parsed]:
        if name == "event_time_us":
            return partial(parse.times, zone=self._rules.timezone)
        readers: dict[pa.DataType, Callable[[pa.Array], parse.Parsed]] = {
            pa.date32(): partial(parse.dates, pattern=self._rules.date_format),
            parse.PRICE: parse.prices,
            pa.float64(): parse.numbers,
            pa.int64(): parse.integers,
            pa.string(): partial(parse.words, missing_words=name != "symbol"),
        }
        return readers[self._schema.field(name).type]

    def _default(self, name: str, batch: RawBatch, columns: Mapping[str, pa.Array]) -> pa.Array:
        count = batch.cells.num_rows
        if name == "sequence":
            return pa.array(batch.row_numbers)
        if name == "kind" and self._layout.kind is Kind.TICKS:
            return self._tick_kind(batch)
        value = self._constant(name)
        kind = self._schema.field(name).type
        return pa.nulls(count, kind) if value is None else pa.repeat(pa.scalar(value, kind), count)

    def _tick_kind(self, batch: RawBatch) -> pa.Array:
        prices = self._cells(batch, "price")
        if prices is None:
            return pa.repeat(pa.scalar("quote"), batch.cells.num_rows)
        return pc.if_else(pc.is_valid(parse.numbers(prices).values), "trade", "quote")

    def _constant(self, name: str) -> str | None:
        bar_kind = "ohlcv" if self._layout.has_ohlc else "close"
        return {"provider": self._rules.provider, "currency": self._rules.currency, "kind": bar_kind}.get(name)

    def _filled(self, name: str, values: pa.Array, batch: RawBatch) -> pa.Array:
        value = self._constant(name) if name in ("provider", "currency") else None
        return values if value is None else pc.fill_null(values, value)

    def _without_zeros(self, name: str, values: pa.Array) -> pa.Array:
        if name not in self._rules.zero_as_missing:
            return values
        return pc.if_else(pc.equal(values, pa.scalar(0, values.type)), None, values)

    def _unreadable(self, name: str, shown: str, cell: object) -> tuple[Reason, str]:
        contract = next(found for found in self._layout.topic.fields if found.name == name)
        is_time = name == "event_time_us" or contract.type is Type.DATE
        what = "a time" if name == "event_time_us" else _WHAT[contract.type]
        reason = Reason.UNPARSABLE_TIME if is_time else Reason.WRONG_TYPE
        said = repr(cell) if isinstance(cell, str | float | int) else str(cell)
        return reason, f"{shown} is {said}: not {what}"

    def _judge_symbols(self, rows: pa.Table, faults: "_Faults") -> None:
        if self._rules.known_symbols is None:
            return
        known = pa.array(sorted(self._rules.known_symbols), pa.string())
        unknown = pc.invert(pc.is_in(rows["symbol"], value_set=known))
        _note(
            faults, unknown, rows["symbol"], lambda cell: (Reason.UNKNOWN_SYMBOL, f"{cell!r} is not in app.instrument")
        )

    def _judge_keys(self, rows: pa.Table, faults: "_Faults") -> None:
        good = np.setdiff1d(np.arange(rows.num_rows), list(faults))
        kept = rows.select(["symbol", "business_date"]).take(pa.array(good))
        again = good[self._seen.repeats(kept["symbol"], kept["business_date"])]
        repeated = rows.select(["symbol", "business_date"]).take(pa.array(again)).to_pylist()
        for index, row in zip(again.tolist(), repeated, strict=True):
            detail = f"{row['symbol']} on {row['business_date']} came before in this file"
            faults[index] = (Reason.DUPLICATE_KEY, detail)

    def _rejects(self, batch: RawBatch, rows: pa.Table, faults: "_Faults") -> Iterable[Reject]:
        indices = sorted(faults)
        taken = pa.array(indices, pa.int64())
        symbols = rows["symbol"].take(taken).to_pylist()
        texts = self._source.raw(batch.cells.take(taken)) if indices else []
        for index, symbol, raw in zip(indices, symbols, texts, strict=True):
            reason, detail = faults[index]
            yield Reject(reason, detail, f"{self._source.name}:{batch.row_numbers[index]}", raw, symbol)


_Faults = dict[int, tuple[Reason, str]]


def _note(
    faults: _Faults,
    mask: pa.Array | pa.ChunkedArray,
    cells: pa.Array | pa.ChunkedArray,
    say: Callable[[object], tuple[Reason, str]],
) -> None:
    hits = np.flatnonzero(np.asarray(pc.fill_null(mask, fill_value=False)))
    for index, cell in zip(hits.tolist(), cells.take(pa.array(hits)).to_pylist(), strict=True):
        faults.setdefault(index, say(cell))


def _without_empty_sides(rows: pa.Table) -> pa.Table:
    """In a quote, a bid or ask of 0 says that this side did not change: it is absent, and so is its size."""
    quote = pc.equal(rows["kind"], "quote")
    for price, size in _QUOTE_SIDES:
        if rows[price].null_count == rows.num_rows:
            continue
        empty = pc.fill_null(pc.and_(quote, pc.equal(rows[price], 0.0)), fill_value=False)
        for name in (price, size):
            at = rows.schema.get_field_index(name)
            rows = rows.set_column(at, rows.schema.field(at), pc.if_else(empty, None, rows[name]))
    return rows
