"""A table of symbols that finds their places by the bytes of messages. Pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lakehouse.risk.checks import IntArray
from streaming.kit.loops import Bytes, compiled


class Names(NamedTuple):
    """Symbols by place, to be found by their bytes: `slots` holds places where their hashes put them, -1 is free."""

    slots: IntArray
    text: Bytes
    first: IntArray


def names_of(symbols: Sequence[str]) -> Names:
    """A table of them; the first of equal ones is found."""
    encoded = [symbol.encode() for symbol in symbols]
    text, first = _joined(encoded)
    slots = np.full(2 ** (2 * len(symbols) + 1).bit_length(), -1)
    _fill(slots, text, first)
    return Names(slots, text, first)


def places(names: Names, text: Bytes, start: IntArray, length: IntArray) -> IntArray:
    """(T,) the place of each symbol that is `length` bytes of `text` from `start`; -1 where it has none."""
    found = np.empty(len(start), np.int64)
    _places(names, text, start, length, found)
    return found


def _joined(words: Sequence[bytes]) -> tuple[Bytes, IntArray]:
    first = np.zeros(len(words) + 1, np.int64)
    np.cumsum([len(word) for word in words], out=first[1:])
    return np.frombuffer(b"".join(words), np.uint8), first


def _hashed(text: Bytes, start: int, end: int) -> int:
    """FNV-1a, of which the lower 62 bits."""
    value = np.uint64(0xCBF29CE484222325)
    for place in range(start, end):
        value = (value ^ np.uint64(text[place])) * np.uint64(0x100000001B3)
    return int(value >> np.uint64(2))


_hash: Callable[[Bytes, int, int], int] = compiled(_hashed)


def _slotted(slots: IntArray, names: Bytes, first: IntArray, text: Bytes, start: int, end: int) -> int:
    """The slot of a symbol, or the free one where it belongs."""
    slot = _hash(text, start, end) & (len(slots) - 1)
    while slots[slot] >= 0:
        begin = first[slots[slot]]
        is_equal = first[slots[slot] + 1] - begin == end - start
        for place in range(end - start if is_equal else 0):
            is_equal &= names[begin + place] == text[start + place]
        if is_equal:
            break
        slot = (slot + 1) & (len(slots) - 1)
    return slot


_slot: Callable[[IntArray, Bytes, IntArray, Bytes, int, int], int] = compiled(_slotted)


def _filled(slots: IntArray, text: Bytes, first: IntArray) -> None:
    for place in range(len(first) - 1):
        slot = _slot(slots, text, first, text, first[place], first[place + 1])
        if slots[slot] < 0:
            slots[slot] = place


_fill: Callable[[IntArray, Bytes, IntArray], None] = compiled(_filled)


def _placed(names: Names, text: Bytes, start: IntArray, length: IntArray, found: IntArray) -> None:
    slots, known, first = names
    for row in range(len(start)):
        found[row] = slots[_slot(slots, known, first, text, start[row], start[row] + length[row])]


_places: Callable[[Names, Bytes, IntArray, IntArray, IntArray], None] = compiled(_placed)
