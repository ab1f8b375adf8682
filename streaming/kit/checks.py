"""The door of the lake: which rows of a batch break their topic's contract, and why. Pure and columnar."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.contracts.model import Column, Topic, Type
from lakehouse.contracts.reasons import Reason
from lakehouse.contracts.tables.bronze import MARKET_BARS_DAILY, MARKET_TICKS, TRADING_SIGNALS

_TEXT = frozenset({Type.STRING, Type.UUID, Type.JSON})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UUID = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_EARLIEST_DATE = date(1900, 1, 1)
_EARLIEST_US = (datetime(1900, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class BadRow:
    """Row `index` of the batch breaks the contract."""

    index: int
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `check` found: `bad` is ordered by index and empty where every row is good."""

    row_count: int
    bad: tuple[BadRow, ...]

    @property
    def ok(self) -> bool:
        return not self.bad

    def good_mask(self) -> np.ndarray:
        """Boolean array of length row_count: True where the row is good."""
        mask = np.ones(self.row_count, dtype=np.bool_)
        mask[[row.index for row in self.bad]] = False
        return mask

    def good_rows(self, rows: pa.Table) -> pa.Table:
        """`rows` without the bad ones, in order; the same object where all are good."""
        return rows if self.ok else rows.filter(pa.array(self.good_mask()))

    def counts(self) -> dict[Reason, int]:
        """Bad rows by reason."""
        return dict(Counter(row.reason for row in self.bad))


@dataclass(frozen=True, slots=True)
class _Rule:
    """A broken promise: `broken(rows)` is True where it is broken; null, as from an absent value, is not. It is not
    asked where `may(rows)` knows without a look at the values that no row breaks it."""

    reason: Reason
    column: str
    broken: Callable[[pa.Table], pa.ChunkedArray]
    because: str = ""
    may: Callable[[pa.Table], bool] = lambda _rows: True

    def detail(self, value: object) -> str:
        said = "missing" if value is None else _say(value)
        return f"{self.column} is {said}{self.because}"


def _say(value: object) -> str:
    """A value as people write it: 23.595, not the contract's 23.59500000, and 0, not 0E-8."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return repr(value) if isinstance(value, str | float | int) else str(value)


def check(topic: Topic, rows: pa.Table, *, now_us: int | np.ndarray, max_future_s: float) -> Verdict:
    """Judge every row; a row that breaks several promises gets the first reason of this order.

    Missing required field, unknown kind, time before 1900, time in the future, missing price, price not
    positive and finite, high below low, open or close outside low..high, negative size.
    `rows` holds the topic's fields in the types of `contracts.render.arrow.message_schema` (further columns
    are ignored); `now_us`, one number or one a row, is microseconds since 1970-01-01 UTC and says what is future.
    Raises KeyError where a field's column is absent.
    """
    now = pa.array(now_us) if isinstance(now_us, np.ndarray) else pa.scalar(now_us)
    found: dict[int, BadRow] = {}
    for rule in _rules(topic, now, max_future_s):
        if not rule.may(rows) or not pc.any(broken := rule.broken(rows)).as_py():
            continue
        hits = np.flatnonzero(pc.fill_null(broken, False).to_numpy())
        values = rows.column(rule.column).take(pa.array(hits)).to_pylist()
        for index, value in zip(hits.tolist(), values, strict=True):
            found.setdefault(index, BadRow(index, rule.reason, rule.detail(value)))
    return Verdict(rows.num_rows, tuple(found[index] for index in sorted(found)))


def _rules(topic: Topic, now_us: pa.Scalar | pa.Array, max_future_s: float) -> list[_Rule]:
    latest_us = pc.add(now_us, round(max_future_s * 1e6))
    known = {MARKET_TICKS.name: _tick_rules, MARKET_BARS_DAILY.name: _bar_rules, TRADING_SIGNALS.name: _signal_rules}
    own = known.get(topic.bronze.name)
    # A required price has a reason of its own, so the topic's own rules judge it.
    required = [_required(field) for field in topic.fields if not field.nullable and field.type is not Type.DECIMAL]
    return [*required, *(own(latest_us) if own else ())]


def _tick_rules(latest_us: pa.Scalar | pa.Array) -> list[_Rule]:
    time, sides, sizes = "event_time_us", ("bid_price", "ask_price"), ("size", "bid_size", "ask_size")
    return [
        _one_of("kind", "trade", "quote"),
        _Rule(Reason.UNPARSABLE_TIME, time, lambda rows: pc.less(rows[time], _constant(_EARLIEST_US)), ": before 1900"),
        _Rule(Reason.FUTURE_TIME, time, lambda rows: pc.greater(rows[time], latest_us), ": in the future"),
        _missing("price", "trade"),
        _Rule(
            Reason.MISSING_PRICE,
            "bid_price",
            lambda rows: pc.and_(
                _and_null(rows, sides[0], pc.is_null(rows[sides[1]])),
                pc.equal(rows["kind"], _constant("quote")),
            ),
            " and so is ask_price in a quote",
            may=lambda rows: all(rows[side].null_count for side in sides),
        ),
        *(_positive(name) for name in ("price", *sides)),
        *(_not_negative(name) for name in sizes),
    ]


def _bar_rules(latest_us: pa.Scalar | pa.Array) -> list[_Rule]:
    latest = pc.cast(pc.cast(latest_us, pa.timestamp("us")), pa.date32(), safe=False)
    day = "business_date"
    return [
        _one_of("kind", "ohlcv", "close"),
        _Rule(Reason.UNPARSABLE_TIME, day, lambda rows: pc.less(rows[day], _EARLIEST_DATE), ": before 1900"),
        _Rule(Reason.FUTURE_TIME, day, lambda rows: pc.greater(rows[day], latest), ": in the future"),
        _Rule(Reason.MISSING_PRICE, "close", lambda rows: pc.is_null(rows["close"])),
        *(_missing(name, "ohlcv") for name in ("open", "high", "low")),
        *(_positive(name) for name in ("open", "high", "low", "close")),
        _Rule(Reason.HIGH_BELOW_LOW, "high", lambda rows: pc.less(rows["high"], rows["low"]), ": below low"),
        *(_enclosed(name) for name in ("open", "close")),
        _not_negative("volume"),
    ]


def _signal_rules(latest_us: pa.Scalar | pa.Array) -> list[_Rule]:
    time, confidence = "event_time_us", "confidence"
    return [
        _Rule(
            Reason.WRONG_TYPE,
            "signal_id",
            lambda rows: pc.invert(pc.match_substring_regex(rows["signal_id"], _UUID)),
            ": no UUID",
        ),
        *(_without_nul(name) for name in ("symbol", "source")),
        _one_of("side", "buy", "sell"),
        _Rule(Reason.UNPARSABLE_TIME, time, lambda rows: pc.less(rows[time], _constant(_EARLIEST_US)), ": before 1900"),
        _Rule(Reason.FUTURE_TIME, time, lambda rows: pc.greater(rows[time], latest_us), ": in the future"),
        _Rule(
            Reason.OUTSIDE_RANGE,
            confidence,
            # Inverted, so that what is no number is outside.
            lambda rows: pc.invert(pc.and_(pc.greater_equal(rows[confidence], 0), pc.less_equal(rows[confidence], 1))),
            ": not from 0 to 1",
        ),
        _positive("reference_price"),
    ]


def _required(field: Column) -> _Rule:
    name = field.name
    if field.type not in _TEXT:
        return _Rule(Reason.MISSING_FIELD, name, lambda rows: pc.is_null(rows[name]), may=_some_null(name))

    def broken(rows: pa.Table) -> pa.ChunkedArray:
        empty = pc.equal(pc.binary_length(rows[name]), _constant(0, pa.int32()))
        return pc.or_kleene(pc.is_null(rows[name]), empty) if rows[name].null_count else empty

    return _Rule(Reason.MISSING_FIELD, name, broken)


def _some_null(name: str) -> Callable[[pa.Table], bool]:
    return lambda rows: rows[name].null_count > 0


def _some_value(name: str) -> Callable[[pa.Table], bool]:
    return lambda rows: rows[name].null_count < rows.num_rows


def _one_of(name: str, *known: str) -> _Rule:
    values = pa.array(known)
    return _Rule(
        Reason.UNKNOWN_KIND,
        name,
        lambda rows: pc.invert(pc.is_in(rows[name], value_set=values)),
        f": neither {' nor '.join(known)}",
    )


def _without_nul(name: str) -> _Rule:
    """No table of PostgreSQL can hold the character."""
    return _Rule(Reason.WRONG_TYPE, name, lambda rows: pc.match_substring(rows[name], "\0"), ": with a NUL in it")


def _missing(name: str, kind: str) -> _Rule:
    return _Rule(
        Reason.MISSING_PRICE,
        name,
        lambda rows: _and_null(rows, name, pc.equal(rows["kind"], _constant(kind))),
        f" in a row of kind {kind}",
        may=_some_null(name),
    )


def _and_null(rows: pa.Table, name: str, mask: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.and_(pc.is_null(rows[name]), mask)


def _positive(name: str) -> _Rule:
    return _Rule(
        Reason.NON_POSITIVE_PRICE, name, lambda rows: _not_at_least(rows[name], pc.greater), may=_some_value(name)
    )


def _not_negative(name: str) -> _Rule:
    return _Rule(
        Reason.NEGATIVE_SIZE, name, lambda rows: _not_at_least(rows[name], pc.greater_equal), may=_some_value(name)
    )


def _not_at_least(
    values: pa.ChunkedArray, passes: Callable[[pa.ChunkedArray, pa.Scalar], pa.ChunkedArray]
) -> pa.ChunkedArray:
    fine = passes(values, _constant(0, values.type))
    if pa.types.is_floating(values.type):
        fine = pc.and_(fine, pc.is_finite(values))
    return pc.invert(fine)


@cache
def _constant(value: int | str, type_: pa.DataType | None = None) -> pa.Scalar:
    """Made once, as it costs more than to compare a hundred rows with it, and not while modules are read: the first one
    brings pandas along, for a quarter of a second."""
    return pa.scalar(value, type_)


def _enclosed(name: str) -> _Rule:
    return _Rule(
        Reason.OUTSIDE_RANGE,
        name,
        lambda rows: pc.or_(pc.greater(rows[name], rows["high"]), pc.less(rows[name], rows["low"])),
        ": outside low..high",
    )
