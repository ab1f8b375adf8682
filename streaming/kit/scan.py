"""Ticks out of plain JSON messages, by a compiled loop; what is at all unusual is left to streaming.kit.decode. Pure.

A message is taken only where decode and check would take it, and read the same from it, bit for bit. Left alone are
messages with escapes, bytes beyond ASCII, unknown or repeated fields, signs, exponents, more digits than a float holds
exactly, and whatever breaks JSON or the contract of market.ticks.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, cast

import numpy as np

from lakehouse.contracts.model import Type
from lakehouse.contracts.topics import TICKS
from lakehouse.risk.checks import BoolArray, FloatArray, IntArray
from streaming.kit.loops import Bytes, compiled

_NAMES: Final = tuple(field.name for field in TICKS.fields)
_TEXT, _INTEGER, _NUMBER = 0, 1, 2
_TYPES: Final = {Type.STRING: _TEXT, Type.INT64: _INTEGER, Type.FLOAT64: _NUMBER}
INTEGERS: Final = tuple(field.name for field in TICKS.fields if field.type is Type.INT64)
NUMBERS: Final = tuple(field.name for field in TICKS.fields if field.type is Type.FLOAT64)
_SYMBOL, _KIND, _TIME = (_NAMES.index(name) for name in ("symbol", "kind", "event_time_us"))
_PRICE, _BID, _ASK = (_NAMES.index(name) for name in ("price", "bid_price", "ask_price"))

_OPEN, _CLOSE, _QUOTE, _COLON, _COMMA, _DOT, _ESCAPE = (ord(sign) for sign in '{}":,.\\')
_ZERO, _SPACE, _DELETE = ord("0"), ord(" "), 0x7F
_WORD: Final = 16
"""The longest name that fits into a plan."""
_NULL, _TRADE, _QUOTED = (np.frombuffer(word, np.uint8).astype(np.int64) for word in (b"null", b"trade", b"quote"))
_EXACT: Final = 2**53
"""A quotient of a whole number up to here and a power of ten up to 10^22 is rounded once, as a parser has to."""
_DIGITS: Final = 18
_POWERS: Final = 10.0 ** np.arange(_DIGITS + 1)

# A plan has a row a field: its type, whether it is required, its name's length and bytes. Cells have a row a
# field of the message at hand: ABSENT, GIVEN or EMPTY (null); of text where it begins and ends; of a number all its
# digits, and how many of them are behind the point, -1 without one.
_PLAN_TYPE, _PLAN_REQUIRED, _PLAN_LENGTH, _PLAN_NAME = range(4)
_ABSENT, _GIVEN, _EMPTY = range(3)


class Ticks(NamedTuple):
    """What was read of T messages. `sure` (T,) says of which; the rest is undefined where it is False. `integers` and
    `numbers` by INTEGERS and NUMBERS, (n, T) each, NaN where absent; a symbol is `length` bytes of `text` from
    `start`."""

    sure: BoolArray
    integers: IntArray
    numbers: FloatArray
    text: Bytes
    start: IntArray
    length: IntArray


def scan(messages: Sequence[bytes | None], latest_us: IntArray, *, max_message_bytes: int) -> Ticks:
    """Read messages whose event time is to be no later than `latest_us` (T,). None is a message without a value."""
    given = cast("Sequence[bytes]", messages)
    try:
        joined = b"".join(given)
    except TypeError:
        given = [message or b"" for message in messages]
        joined = b"".join(given)
    count = len(given)
    ends = np.cumsum(np.fromiter(map(len, given), np.int64, count))
    found = Ticks(
        sure=np.zeros(count, np.bool_),
        integers=np.empty((len(INTEGERS), count), np.int64),
        numbers=np.empty((len(NUMBERS), count)),
        text=np.empty(len(joined), np.uint8),
        start=np.zeros(count, np.int64),
        length=np.zeros(count, np.int64),
    )
    cells = np.zeros((len(_PLAN), 3), np.int64)
    used = _scan(np.frombuffer(joined, np.uint8), ends, max_message_bytes, latest_us, _PLAN, cells, found)
    return found._replace(text=found.text[:used].copy())


def _plan() -> IntArray:
    plan = np.zeros((len(_NAMES), _PLAN_NAME + _WORD), np.int64)
    for row, field in zip(plan, TICKS.fields, strict=True):
        name = f'"{field.name}"'.encode()
        row[_PLAN_TYPE], row[_PLAN_REQUIRED], row[_PLAN_LENGTH] = _TYPES[field.type], not field.nullable, len(name)
        row[_PLAN_NAME : _PLAN_NAME + len(name)] = np.frombuffer(name, np.uint8)
    return plan


_PLAN: Final = _plan()


# --- compiled ------------------------------------------------------------------------------------------------------


def _skipped(data: Bytes, at: int, end: int) -> int:
    """The first place from `at` on that is no white space."""
    while at < end and (data[at] == _SPACE or 9 <= data[at] <= 10 or data[at] == 13):
        at += 1
    return at


_skip: Callable[[Bytes, int, int], int] = compiled(_skipped)


def _is_word(data: Bytes, start: int, end: int, word: IntArray) -> bool:
    if end - start != len(word):
        return False
    place = 0
    while place < len(word) and data[start + place] == word[place]:
        place += 1
    return place == len(word)


_equal: Callable[[Bytes, int, int, IntArray], bool] = compiled(_is_word)


def _closed(data: Bytes, at: int, end: int) -> int:
    """Where the plain string that begins at `at` ends, on its second quotation mark; -1 where none begins."""
    if at >= end or data[at] != _QUOTE:
        return -1
    for place in range(at + 1, end):
        byte = data[place]
        if byte == _QUOTE:
            return place
        if byte < _SPACE or byte >= _DELETE or byte == _ESCAPE:
            return -1
    return -1


_close: Callable[[Bytes, int, int], int] = compiled(_closed)


def _is_named(data: Bytes, at: int, end: int, plan: IntArray, field: int) -> bool:
    """Whether the field's name stands at `at`, between quotation marks."""
    length = plan[field, _PLAN_LENGTH]
    if at + length > end:
        return False
    place = 0
    while place < length and data[at + place] == plan[field, _PLAN_NAME + place]:
        place += 1
    return place == int(length)


_named: Callable[[Bytes, int, int, IntArray, int], bool] = compiled(_is_named)


def _field_of(data: Bytes, at: int, end: int, plan: IntArray, guess: int) -> int:
    """Which field's name begins at `at`, -1 for none. Fields mostly come in one order: `guess` is tried first."""
    for turn in range(len(plan)):
        field = guess + turn if guess + turn < len(plan) else guess + turn - len(plan)
        if _named(data, at, end, plan, field):
            return field
    return -1


_field: Callable[[Bytes, int, int, IntArray, int], int] = compiled(_field_of)


def _read_digits(data: Bytes, at: int, end: int, whole: int) -> tuple[int, int]:
    """Digits from `at` on, put behind those of `whole`; where they end."""
    while at < end:
        digit = int(data[at]) - _ZERO
        if digit < 0 or digit > 9:
            break
        whole = whole * 10 + digit
        at += 1
    return at, whole


_digits: Callable[[Bytes, int, int, int], tuple[int, int]] = compiled(_read_digits)


def _read_number(data: Bytes, at: int, end: int, cells: IntArray, field: int) -> int:
    """A plain number from `at`: where it ends, -1 where it is none, or one of more digits than are read."""
    last = min(end, at + _DIGITS + 1)
    begin, (at, whole) = at, _digits(data, at, last, 0)
    before, behind = at - begin, -1
    if at < last and data[at] == _DOT:
        dot, (at, whole) = at, _digits(data, at + 1, last, whole)
        behind = at - dot - 1
    cells[field, 0], cells[field, 1], cells[field, 2] = _GIVEN, whole, behind
    is_short = at - begin <= _DIGITS
    is_number = is_short and before > 0 and behind != 0 and (before == 1 or data[begin] != _ZERO)
    return at if is_number else -1


_number: Callable[[Bytes, int, int, IntArray, int], int] = compiled(_read_number)


def _read_text(data: Bytes, at: int, end: int, cells: IntArray, field: int) -> int:
    close = _close(data, at, end)
    cells[field, 0], cells[field, 1], cells[field, 2] = _GIVEN, at + 1, close
    return close + 1 if close >= 0 else -1


_text: Callable[[Bytes, int, int, IntArray, int], int] = compiled(_read_text)


def _read_value(data: Bytes, at: int, end: int, plan: IntArray, field: int, cells: IntArray) -> int:
    """A field's value; where it ends, -1 where it is not to be taken."""
    if cells[field, 0] != _ABSENT:
        return -1
    if _equal(data, at, min(at + len(_NULL), end), _NULL):
        cells[field, 0] = _EMPTY
        return at + len(_NULL)
    return (
        _text(data, at, end, cells, field) if plan[field, _PLAN_TYPE] == _TEXT else _number(data, at, end, cells, field)
    )


_value: Callable[[Bytes, int, int, IntArray, int, IntArray], int] = compiled(_read_value)


def _read_member(data: Bytes, at: int, end: int, plan: IntArray, guess: int, cells: IntArray) -> tuple[int, int]:
    """A name, a colon and a value: where they end, -1 where they are not to be taken, and which field it was."""
    field = _field(data, at, end, plan, guess)
    if field < 0:
        return -1, -1
    at = _skip(data, at + plan[field, _PLAN_LENGTH], end)
    if at >= end or data[at] != _COLON:
        return -1, -1
    at = _value(data, _skip(data, at + 1, end), end, plan, field, cells)
    return (-1 if at < 0 else _skip(data, at, end)), field


_member: Callable[[Bytes, int, int, IntArray, int, IntArray], tuple[int, int]] = compiled(_read_member)


def _read_object(data: Bytes, at: int, end: int, plan: IntArray, cells: IntArray) -> bool:
    """Whether it is one object of known fields, none of them twice."""
    at = _skip(data, at, end)
    if at >= end or data[at] != _OPEN:
        return False
    field = -1
    while True:
        at, field = _member(data, _skip(data, at + 1, end), end, plan, field + 1, cells)
        if at < 0 or at >= end or data[at] != _COMMA:
            break
    return 0 <= at < end and data[at] == _CLOSE and _skip(data, at + 1, end) == end


_object: Callable[[Bytes, int, int, IntArray, IntArray], bool] = compiled(_read_object)


def _is_whole(plan: IntArray, cells: IntArray) -> bool:
    """Whether required fields are there, texts not empty, and numbers of their types."""
    for field in range(len(plan)):
        kind, is_given, is_required = plan[field, _PLAN_TYPE], cells[field, 0] == _GIVEN, plan[field, _PLAN_REQUIRED]
        if is_required and not is_given:
            return False
        if not is_given:
            continue
        if kind == _TEXT and is_required and cells[field, 1] == cells[field, 2]:
            return False
        if kind == _INTEGER and cells[field, 2] >= 0:
            return False
        if kind == _NUMBER and cells[field, 1] > _EXACT:
            return False
    return True


_whole: Callable[[IntArray, IntArray], bool] = compiled(_is_whole)


def _is_kept(data: Bytes, cells: IntArray) -> bool:
    """The contract's word: a trade has a price, a quote one side at least, and none is zero."""
    for field in (_PRICE, _BID, _ASK):
        if cells[field, 0] == _GIVEN and cells[field, 1] == 0:
            return False
    start, end = cells[_KIND, 1], cells[_KIND, 2]
    if _equal(data, start, end, _TRADE):
        return bool(cells[_PRICE, 0] == _GIVEN)
    return _equal(data, start, end, _QUOTED) and (cells[_BID, 0] == _GIVEN or cells[_ASK, 0] == _GIVEN)


_kept: Callable[[Bytes, IntArray], bool] = compiled(_is_kept)


def _put(plan: IntArray, cells: IntArray, integers: IntArray, numbers: FloatArray, row: int) -> None:
    integer = number = 0
    for field in range(len(plan)):
        if plan[field, _PLAN_TYPE] == _INTEGER:
            integers[integer, row] = cells[field, 1]
            integer += 1
        elif plan[field, _PLAN_TYPE] == _NUMBER:
            given = cells[field, 1] / _POWERS[max(cells[field, 2], 0)]
            numbers[number, row] = given if cells[field, 0] == _GIVEN else np.nan
            number += 1


_write: Callable[[IntArray, IntArray, IntArray, FloatArray, int], None] = compiled(_put)


def _scanned(
    data: Bytes, ends: IntArray, limit: int, latest_us: IntArray, plan: IntArray, cells: IntArray, found: Ticks
) -> int:
    """Read every message, and return how much of `text` the symbols take."""
    sure, integers, numbers, text, starts, lengths = found
    used = start = 0
    for row in range(len(ends)):
        for field in range(len(cells)):
            cells[field, 0] = _ABSENT
        sure[row] = (
            ends[row] - start <= limit
            and _object(data, start, ends[row], plan, cells)
            and _whole(plan, cells)
            and _kept(data, cells)
            and cells[_TIME, 1] <= latest_us[row]
        )
        start = ends[row]
        if sure[row]:
            _write(plan, cells, integers, numbers, row)
            starts[row] = used
            for place in range(cells[_SYMBOL, 1], cells[_SYMBOL, 2]):
                text[used] = data[place]
                used += 1
            lengths[row] = used - starts[row]
    return used


_scan: Callable[[Bytes, IntArray, int, IntArray, IntArray, IntArray, Ticks], int] = compiled(_scanned)
