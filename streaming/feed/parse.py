"""A file's cells as the types of a message, a column at a time; what cannot be read is marked, not raised."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.clock import epoch_us

PRICE = pa.decimal128(18, 8)
MISSING_WORDS = pa.array(["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"])
_PRICE_LIMIT = 10**10
_LONGEST_BULK_PRICE = 28
"""Characters: with twenty places behind the point, more digits than these can pass the 38 that a decimal128 has."""
_QUANTUM = Decimal("0.00000001")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_EPOCH = re.compile(r"\d{9,19}(\.\d+)?", re.ASCII)
_INT64 = range(-(2**63), 2**63)
_EPOCH_UNITS = ((10**11, 1_000_000, 1), (10**14, 1_000, 1), (10**17, 1, 1), (10**20, 1, 1_000))
"""An epoch number below the first limit counts seconds, then milli-, micro- and nanoseconds (years 1973 to 5138)."""

_Bulk = Callable[[pa.Array], pa.Array]
_One = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A column's values (null where absent or unreadable) and the mask of cells that hold what cannot be read."""

    values: pa.Array
    bad: pa.BooleanArray


def text(cells: pa.Array, *, missing_words: bool = True) -> pa.Array:
    """Trimmed strings of any column; empty is null, and so are, if asked, the words that files write for nothing."""
    plain = cells if pa.types.is_string(cells.type) else pc.cast(cells, pa.string())
    trimmed = pc.utf8_trim_whitespace(plain)
    missing = pc.is_in(trimmed, value_set=MISSING_WORDS) if missing_words else pc.equal(trimmed, "")
    return pc.if_else(missing, None, trimmed)


def words(cells: pa.Array, *, missing_words: bool) -> Parsed:
    """Strings, trimmed. NA is a symbol, so `missing_words` is False for a column of symbols."""
    return _all_read(text(cells, missing_words=missing_words))


def prices(cells: pa.Array) -> Parsed:
    """decimal128(18, 8), rounded half to even where the file has more digits.

    A binary float is read as the shortest decimal that names it, so that 67.7142 stays 67.7142.
    """
    return _parse(text(cells), (_bulk_price, _bulk_long_price), _one_price, PRICE)


def numbers(cells: pa.Array) -> Parsed:
    """Finite float64; a float column's NaN is an absent value."""
    if pa.types.is_floating(cells.type) or pa.types.is_integer(cells.type):
        return _finite(pc.cast(cells, pa.float64(), safe=False))
    return _parse(text(cells), (_bulk_number,), _one_number, pa.float64())


def integers(cells: pa.Array) -> Parsed:
    """int64; 100.0 is 100, and 12.5 cannot be read."""
    if pa.types.is_integer(cells.type) and cells.type != pa.uint64():
        return _all_read(pc.cast(cells, pa.int64()))
    return _parse(text(cells), (_bulk_integer,), _one_integer, pa.int64())


def dates(cells: pa.Array, *, pattern: str | None = None) -> Parsed:
    """date32 of ISO dates, YYYYMMDD, timestamps (their date in their own zone), or what strptime `pattern` reads."""
    if pa.types.is_timestamp(cells.type):
        local = pc.local_timestamp(cells) if cells.type.tz else cells
        return _all_read(pc.cast(pc.floor_temporal(local, unit="day"), pa.date32()))
    if pa.types.is_date(cells.type):
        return _all_read(pc.cast(cells, pa.date32()))
    if pattern is not None:
        return _parse(text(cells), (), lambda cell: _strptime_date(cell, pattern), pa.date32())
    return _parse(text(cells), (lambda found: pc.cast(found, pa.date32()),), _one_date, pa.date32())


def times(cells: pa.Array, *, zone: str) -> Parsed:
    """int64 microseconds since 1970-01-01 UTC, of timestamps, ISO 8601 text or epoch numbers (unit by magnitude).

    `zone` is the IANA zone of times that name none; of an hour that the clocks repeat it takes the first, and
    a time that the clocks skip cannot be read. Digits beyond the microsecond are cut.
    """
    if pa.types.is_timestamp(cells.type):
        micros = pc.cast(cells, pa.timestamp("us", cells.type.tz), safe=False)
        return _marked(cells, _bulk_aware(micros) if cells.type.tz else _bulk_naive(micros, zone))
    bulk = (_bulk_epoch, _bulk_zoned, lambda found: _bulk_naive(pc.cast(found, pa.timestamp("us")), zone))
    return _parse(text(cells), bulk, lambda cell: _one_time(cell, ZoneInfo(zone)), pa.int64())


def _parse(cells: pa.Array, bulk: Sequence[_Bulk], one: _One, kind: pa.DataType) -> Parsed:
    for attempt in bulk:
        try:
            return _marked(cells, attempt(cells))
        except pa.ArrowInvalid:
            continue
    # Something in the column is unusual: read each distinct cell by the forgiving reader.
    encoded = pc.dictionary_encode(cells)
    distinct = pa.array([one(cell) for cell in encoded.dictionary.to_pylist()], kind)
    return _marked(cells, distinct.take(encoded.indices))


def _marked(cells: pa.Array, values: pa.Array) -> Parsed:
    return Parsed(values, pc.and_(pc.is_valid(cells), pc.is_null(values)))


def _all_read(values: pa.Array) -> Parsed:
    return Parsed(values, pa.repeat(pa.scalar(value=False), len(values)))


def _finite(values: pa.Array) -> Parsed:
    present = pc.if_else(pc.is_nan(values), None, values)
    return _marked(present, pc.if_else(pc.is_finite(present), present, None))


def _bulk_price(cells: pa.Array) -> pa.Array:
    _refuse_huge(cells)
    return pc.cast(cells, PRICE)


def _bulk_long_price(cells: pa.Array) -> pa.Array:
    _refuse_huge(cells)
    return pc.cast(pc.round(pc.cast(cells, pa.decimal128(38, 20)), ndigits=8, round_mode="half_to_even"), PRICE)


def _refuse_huge(cells: pa.Array) -> None:
    # Arrow's reader of decimals wraps around silently where the digits do not fit, behind the point too.
    is_small = pc.less(pc.abs(pc.cast(cells, pa.float64())), float(_PRICE_LIMIT - 1))
    is_short = pc.less_equal(pc.utf8_length(cells), _LONGEST_BULK_PRICE)
    if pc.all(pc.and_(is_small, is_short)).as_py() is False:
        raise pa.ArrowInvalid("a price is out of range")


def _one_price(cell: str) -> Decimal | None:
    value = _decimal(cell)
    if value is None or abs(value) >= _PRICE_LIMIT - 1:
        return None
    return value.quantize(_QUANTUM, ROUND_HALF_EVEN)


def _decimal(cell: str) -> Decimal | None:
    return Decimal(cell) if _NUMBER.fullmatch(cell) else None


def _bulk_number(cells: pa.Array) -> pa.Array:
    values = pc.cast(cells, pa.float64())
    if pc.all(pc.is_finite(values)).as_py() is False:
        raise pa.ArrowInvalid("not finite")
    return values


def _one_number(cell: str) -> float | None:
    value = float(cell) if _NUMBER.fullmatch(cell) else float("nan")
    return value if abs(value) < float("inf") else None


def _bulk_integer(cells: pa.Array) -> pa.Array:
    # Arrow would read 0x10 as sixteen.
    if pc.any(pc.match_substring_regex(cells, "[^0-9+-]")).as_py():
        raise pa.ArrowInvalid("not plain digits")
    return pc.cast(cells, pa.int64())


def _one_integer(cell: str) -> int | None:
    value = _decimal(cell)
    if value is None or value != value.to_integral_value() or int(value) not in _INT64:
        return None
    return int(value)


def _one_date(cell: str) -> date | None:
    try:
        return datetime.fromisoformat(cell).date()
    except ValueError:
        return None


def _strptime_date(cell: str, pattern: str) -> date | None:
    try:
        return datetime.strptime(cell, pattern).replace(tzinfo=UTC).date()
    except ValueError:
        return None


def _bulk_epoch(cells: pa.Array) -> pa.Array:
    if pc.all(pc.match_substring_regex(cells, "^[0-9]{9,19}$")).as_py() is False:
        raise pa.ArrowInvalid("not an epoch number")
    counts = pc.cast(cells, pa.int64())
    micros = pc.divide(counts, 1_000)
    for limit, factor, divisor in reversed(_EPOCH_UNITS[:-1]):
        micros = pc.if_else(pc.less(counts, limit), pc.divide(pc.multiply(counts, factor), divisor), micros)
    return micros


def _bulk_zoned(cells: pa.Array) -> pa.Array:
    return _bulk_aware(pc.cast(cells, pa.timestamp("us", "UTC")))


def _bulk_aware(stamps: pa.Array) -> pa.Array:
    return pc.cast(stamps, pa.int64())


def _bulk_naive(stamps: pa.Array, zone: str) -> pa.Array:
    aware = pc.assume_timezone(stamps, zone, ambiguous="earliest", nonexistent="earliest")
    skipped = pc.not_equal(pc.local_timestamp(aware), stamps)
    return _bulk_aware(pc.if_else(skipped, None, aware))


def _one_time(cell: str, zone: ZoneInfo) -> int | None:
    if _EPOCH.fullmatch(cell):
        return _one_epoch(Decimal(cell))
    try:
        stamp = datetime.fromisoformat(cell)
    except ValueError:
        return None
    if stamp.tzinfo is not None:
        return epoch_us(stamp)
    aware = stamp.replace(tzinfo=zone)
    skipped = aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != stamp
    return None if skipped else epoch_us(aware)


def _one_epoch(value: Decimal) -> int | None:
    for limit, factor, divisor in _EPOCH_UNITS:
        if value < limit:
            return int(value * factor / divisor)
    return None
