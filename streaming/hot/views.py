"""Quotes and portfolios as people and services read them from Redis: JSON, ready to be sent. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from lakehouse.alerting.columns import NEVER
from lakehouse.risk.checks import IntArray
from streaming.hot.batch import Batch
from streaming.hot.processor import Core, Outcome
from streaming.hot.telling import told

PARTS: Final = 10
_MEMBERS: Final = ("equity", "net", "gross", "missing", "opening", "peak")
_JSON: Final = msgspec.json.Encoder()


class _Quote(msgspec.Struct, frozen=True, gc=False):
    """A symbol's newest quote, with the message of its last tick; NaN is written as null."""

    bid: float
    ask: float
    mark: float
    as_of_us: int
    seq: int | None
    partition: int | None
    offset: int | None


def quotes(core: Core, batch: Batch, outcome: Outcome) -> dict[str, bytes]:
    """The newest quote of each symbol that the batch moved, with the message of its last tick."""
    rows = outcome.rows
    return _quotes(core, outcome.quoted, batch.partition[rows].tolist(), batch.offset[rows].tolist())


def all_quotes(core: Core) -> dict[str, bytes]:
    """The newest quote of every symbol that has one; which message it was is not remembered."""
    known = np.flatnonzero(core.market.at_us != NEVER)
    unknown = [None] * len(known)
    return _quotes(core, known, unknown, unknown)


def _quotes(
    core: Core, places: IntArray, partition: Sequence[int | None], offset: Sequence[int | None]
) -> dict[str, bytes]:
    market, symbols, encode = core.market, core.symbols, _JSON.encode
    prices = [column[places].tolist() for column in (market.bid, market.ask, market.mark, market.at_us)]
    seq = [None if number == NEVER else number for number in market.seq[places].tolist()]
    rows = zip(places.tolist(), *prices, seq, partition, offset, strict=True)
    return {symbols[place]: encode(_Quote(*values)) for place, *values in rows}


class Portfolios:
    """What portfolios are worth, of those that moved since they were last told. Amounts are decimal text.

    They are told in turn, PARTS parts of them one after the other: ticks never wait until thousands are written down.
    """

    def __init__(self) -> None:
        self._ids: tuple[str, ...] = ()
        self._told = np.zeros((len(_MEMBERS), 0), np.int64)
        self._part = 0

    def moved(self, core: Core) -> dict[str, bytes]:
        """Those of the next part that are worth something else than when they were last told."""
        now = self._now(core)
        self._part = (self._part + 1) % PARTS
        part = slice(self._part, None, PARTS)
        places = np.flatnonzero((now[:, part] != self._told[:, part]).any(axis=0)) * PARTS + self._part
        self._told[:, places] = now[:, places]
        return _rows(core, now, places)

    def whole(self, core: Core) -> dict[str, bytes]:
        """All of them."""
        now = self._now(core)
        self._told = now
        return _rows(core, now, np.arange(now.shape[1]))

    def _now(self, core: Core) -> IntArray:
        """What they are worth; after a change of who they are, none has been told."""
        now: IntArray = np.stack(core.monitor.standing)
        if self._ids != core.portfolios:
            self._ids, self._told = core.portfolios, ~now
        return now


def _rows(core: Core, columns: IntArray, places: IntArray) -> dict[str, bytes]:
    equity, net, gross, missing, opening, peak = columns[:, places]
    texts = told((equity, net, gross, opening, peak), missing, core.monitor.newest_us)
    return dict(zip((core.portfolios[place] for place in places.tolist()), texts, strict=True))
