"""What portfolios are worth as JSON, by a compiled loop: thousands of them are told every second. Pure."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from lakehouse.alerting.book import QUANTA
from lakehouse.alerting.columns import NEVER
from lakehouse.risk.checks import IntArray
from streaming.kit.loops import Bytes, compiled

AMOUNTS: Final = ("equity", "net", "gross", "opening", "peak")
"""Decimal text with four places, null where not known; then `missing` and `at_us`."""
_WORDS: Final = [f',"{name}":'.encode() for name in (*AMOUNTS, "missing", "at_us")]
_TEXT: Final = np.frombuffer(b"".join(_WORDS), np.uint8)
_FIRST: Final = np.cumsum([0, *(len(word) for word in _WORDS)])
_NULL: Final = np.frombuffer(b"null", np.uint8)
_PLACES: Final = len(str(QUANTA)) - 1
_LONGEST: Final = 24
"""Of a number: sign, nineteen digits, point and quotation marks."""
_ZERO, _MINUS, _DOT, _QUOTE, _OPEN, _CLOSE = (ord(sign) for sign in '0-."{}')


def told(amounts: Sequence[IntArray], missing: IntArray, at_us: int) -> list[bytes]:
    """One object a portfolio: its `amounts` in quanta (P,) each in the order of AMOUNTS, NEVER where not known, how
    many positions are `missing` (P,), and as of when, NEVER before the first tick."""
    rows = np.stack((*amounts, missing, np.full(len(missing), at_us)), axis=1)
    out = np.empty(len(rows) * (len(_TEXT) + 1 + _LONGEST * rows.shape[1]), np.uint8)
    ends = np.empty(len(rows), np.int64)
    _tell(rows, len(AMOUNTS), _TEXT, _FIRST, out, ends)
    text, edges = out[: ends[-1] if len(ends) else 0].tobytes(), [0, *ends.tolist()]
    return [text[start:end] for start, end in pairwise(edges)]


def _written(out: Bytes, at: int, words: Bytes, start: int, end: int) -> int:
    for place in range(start, end):
        out[at] = words[place]
        at += 1
    return at


_write: Callable[[Bytes, int, Bytes, int, int], int] = compiled(_written)


def _written_number(out: Bytes, at: int, value: int, places: int) -> int:
    """A whole number, with a point before its last `places` digits where there are any."""
    if value < 0:
        out[at] = _MINUS
        at += 1
        value = -value
    digits, rest = places + 1, value
    for _ in range(places + 1):
        rest //= 10
    while rest > 0:
        rest //= 10
        digits += 1
    end = at + digits + (1 if places else 0)
    place = end - 1
    for digit in range(digits):
        if digit == places and places:
            out[place] = _DOT
            place -= 1
        out[place] = _ZERO + value % 10
        value //= 10
        place -= 1
    return end


_write_number: Callable[[Bytes, int, int, int], int] = compiled(_written_number)


def _written_cell(out: Bytes, at: int, value: int, is_amount: bool) -> int:
    if value == NEVER:
        return _write(out, at, _NULL, 0, len(_NULL))
    if not is_amount:
        return _write_number(out, at, value, 0)
    out[at] = _QUOTE
    at = _write_number(out, at + 1, value, _PLACES)
    out[at] = _QUOTE
    return at + 1


_write_cell: Callable[[Bytes, int, int, bool], int] = compiled(_written_cell)


def _told(rows: IntArray, amounts: int, words: Bytes, first: IntArray, out: Bytes, ends: IntArray) -> None:
    at = 0
    for row in range(len(rows)):
        for column in range(rows.shape[1]):
            start = at
            at = _write(out, at, words, first[column], first[column + 1])
            if column == 0:
                out[start] = _OPEN  # in place of the comma before the others
            at = _write_cell(out, at, rows[row, column], column < amounts)
        out[at] = _CLOSE
        at += 1
        ends[row] = at


_tell: Callable[[IntArray, int, Bytes, IntArray, Bytes, IntArray], None] = compiled(_told)
