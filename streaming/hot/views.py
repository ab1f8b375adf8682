"""Quotes and portfolios as people and services read them from Redis. Pure."""

import numpy as np

from lakehouse.alerting.book import QUANTA
from lakehouse.alerting.columns import NEVER
from lakehouse.risk.checks import IntArray
from streaming.hot.batch import Batch
from streaming.hot.processor import Core, Outcome


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
    names = [core.symbols[place] for place in places.tolist()]
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
    """What portfolios are worth, of those that moved since they were last told. Amounts are decimal text."""

    def __init__(self) -> None:
        self._ids: tuple[str, ...] = ()
        self._told: IntArray | None = None

    def moved(self, core: Core) -> dict[str, object]:
        """Those that are worth something else than when they were last told; all of them after a change of the book."""
        now = _columns(core)
        if self._told is None or self._ids != core.portfolios:
            places = np.arange(now.shape[1])
        else:
            places = np.flatnonzero((now != self._told).any(axis=0))
        self._ids, self._told = core.portfolios, now
        return _rows(core, now, places)

    def forget(self) -> None:
        """All of them are to be told again."""
        self._told = None


_MEMBERS = ("equity", "net", "gross", "missing", "opening", "peak")


def _columns(core: Core) -> IntArray:
    found: IntArray = np.stack(core.monitor.standing)
    return found


def _rows(core: Core, columns: IntArray, places: IntArray) -> dict[str, object]:
    at_us = core.monitor.newest_us
    told = None if at_us == NEVER else at_us
    rows = columns[:, places].T.tolist()
    owners = [core.portfolios[place] for place in places.tolist()]
    return {
        owner: {
            **{name: _amount(value) for name, value in zip(_MEMBERS, row, strict=True) if name != "missing"},
            "missing": row[_MEMBERS.index("missing")],
            "at_us": told,
        }
        for owner, row in zip(owners, rows, strict=True)
    }


def _amount(quanta: int) -> str | None:
    """Ten-thousandths as decimal text."""
    if quanta == NEVER:
        return None
    whole, rest = divmod(abs(quanta), QUANTA)
    return f"{'-' if quanta < 0 else ''}{whole}.{rest:04d}"
