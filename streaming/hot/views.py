"""Quotes and portfolios as people and services read them from Redis. Pure."""

from typing import Final

import numpy as np

from lakehouse.alerting.book import QUANTA
from lakehouse.alerting.columns import NEVER
from lakehouse.risk.checks import IntArray
from streaming.hot.batch import Batch
from streaming.hot.processor import Core, Outcome

PARTS: Final = 10
_MEMBERS: Final = ("equity", "net", "gross", "missing", "opening", "peak")
_DIGITS: Final = 4


def quotes(core: Core, batch: Batch, outcome: Outcome) -> dict[str, object]:
    """The newest quote of each symbol that the batch moved, with the message of its last tick."""
    causes = (batch.partition[outcome.rows].tolist(), batch.offset[outcome.rows].tolist())
    return {
        name: quote | {"partition": partition, "offset": offset}
        for (name, quote), partition, offset in zip(_quotes(core, outcome.quoted).items(), *causes, strict=True)
    }


def all_quotes(core: Core) -> dict[str, object]:
    """The newest quote of every symbol that has one; which message it was is not remembered."""
    known = np.flatnonzero(core.market.at_us != NEVER)
    return {name: quote | {"partition": None, "offset": None} for name, quote in _quotes(core, known).items()}


def _quotes(core: Core, places: IntArray) -> dict[str, dict[str, object]]:
    market = core.market
    columns = [column[places].tolist() for column in (market.bid, market.ask, market.mark, market.at_us, market.seq)]
    symbols = core.symbols
    names = [symbols[place] for place in places.tolist()]
    return {
        name: {
            "bid": bid if bid == bid else None,
            "ask": ask if ask == ask else None,
            "mark": mark if mark == mark else None,
            "as_of_us": at_us,
            "seq": seq if seq != NEVER else None,
        }
        for name, bid, ask, mark, at_us, seq in zip(names, *columns, strict=True)
    }


class Portfolios:
    """What portfolios are worth, of those that moved since they were last told. Amounts are decimal text.

    They are told in turn, PARTS parts of them one after the other: ticks never wait until thousands are written down.
    """

    def __init__(self) -> None:
        self._ids: tuple[str, ...] = ()
        self._told = np.zeros((len(_MEMBERS), 0), np.int64)
        self._part = 0

    def moved(self, core: Core) -> dict[str, object]:
        """Those of the next part that are worth something else than when they were last told."""
        now = self._now(core)
        self._part = (self._part + 1) % PARTS
        part = slice(self._part, None, PARTS)
        places = np.flatnonzero((now[:, part] != self._told[:, part]).any(axis=0)) * PARTS + self._part
        self._told[:, places] = now[:, places]
        return _rows(core, now, places)

    def whole(self, core: Core) -> dict[str, object]:
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


def _rows(core: Core, columns: IntArray, places: IntArray) -> dict[str, object]:
    at_us = core.monitor.newest_us
    told = None if at_us == NEVER else at_us
    rows, portfolios = columns[:, places].T.tolist(), core.portfolios
    return {
        portfolios[place]: {
            "equity": _amount(equity),
            "net": _amount(net),
            "gross": _amount(gross),
            "opening": _amount(opening),
            "peak": _amount(peak),
            "missing": missing,
            "at_us": told,
        }
        for place, (equity, net, gross, missing, opening, peak) in zip(places.tolist(), rows, strict=True)
    }


def _amount(quanta: int) -> str | None:
    """Ten-thousandths as decimal text: thousands of them are written at a time."""
    if quanta == NEVER:
        return None
    text = str(quanta) if quanta >= QUANTA else f"{quanta:0{_DIGITS + (1 if quanta >= 0 else 2)}d}"
    return f"{text[:-_DIGITS]}.{text[-_DIGITS:]}"
