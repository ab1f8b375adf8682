"""The core of the hot path: ticks and changes in, effects out. Pure; the loop, a restart and a recomputation share it.

Its state is a function of what it was given, in the order in which it was given: batches, changes and beats.
"""

from dataclasses import dataclass, field
from typing import Final, cast

import numpy as np

from lakehouse.alerting.columns import NEVER
from lakehouse.alerting.marks import Market
from lakehouse.alerting.memory import Memory
from lakehouse.alerting.monitor import Monitor
from lakehouse.alerting.rules import Crossing
from lakehouse.risk.checks import IntArray
from streaming.hot import rules
from streaming.hot.batch import Batch
from streaming.hot.changes import FLOWS, HALTS, MARKS, ORDERS, RULES, TERMS, VAR, Change, Sight, Values
from streaming.hot.effects import Alert, Cause, Desk, Effects, JsonObject
from streaming.hot.watched import Layout, Stored, monitor_of
from streaming.kit.names import Names

DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class State:
    """All that a core has come to, between two batches; copies, which nothing changes."""

    sight: Sight = field(default_factory=Sight)
    memory: Memory = field(default_factory=Memory)
    desk: bytes | None = None
    day: int = NEVER


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch did: its effects, and the places of the symbols whose quote is newer."""

    effects: Effects
    quoted: IntArray
    rows: IntArray
    late: int


class Core:
    """One writer; no clock but event time."""

    def __init__(self, desk: Desk, state: State | None = None) -> None:
        """Go on from `state`; without one from nothing. The desk is new."""
        past = state or State()
        self.sight, self._day = past.sight.copy(), past.day
        self._desk = desk
        self._tell_terms(self.sight[TERMS])
        desk.halt(self.sight[HALTS])
        if past.desk is not None:
            desk.recall(past.desk)
        self._layout, self._stored = Layout(self.sight), Stored()
        self._monitor = monitor_of(self._layout, self.sight, past.memory, self._stored)
        self._measured()

    @property
    def symbols(self) -> tuple[str, ...]:
        """By place."""
        return self._layout.symbols

    @property
    def places(self) -> dict[str, int]:
        """Where each symbol stands."""
        return self._layout.place

    @property
    def names(self) -> Names:
        """The same, to be found by the bytes of messages."""
        return self._layout.names

    @property
    def portfolios(self) -> tuple[str, ...]:
        """By place."""
        return self._layout.portfolios

    @property
    def market(self) -> Market:
        """The newest of every symbol; written in place by the next batch."""
        return self._monitor.market

    @property
    def desk(self) -> Desk:
        """Who deals with orders: to be read."""
        return self._desk

    @property
    def monitor(self) -> Monitor:
        """Who judges: to be read, and seen anew after a change."""
        return self._monitor

    def change(self, change: Change) -> None:
        """The books, rules or orders are other ones from the next tick on."""
        before = self.sight.copy()
        self.sight.apply(change)
        # What came from outside is no gain: levels move with it before the cash is told anew.
        for portfolio, flow in _flows(before, change, self._layout.portfolios):
            self._monitor.moved_cash(portfolio, flow)
        if self._layout.takes(self.sight, change):
            held = self._layout
            self._monitor.restate(
                units=held.units(self.sight), cash=held.cash(self.sight), rates=held.rates(self.sight)
            )
        else:
            memory = self._monitor.memory()
            self._layout = Layout(self.sight)
            self._monitor = monitor_of(self._layout, self.sight, memory, self._stored)
            owners = dict.fromkeys(self.portfolios)
            for rule_id in _judged_anew(before, change):
                if rules.is_watchable(rules.from_json(self.sight[RULES][rule_id]).rule, self.places, owners):
                    self._monitor.rearm(rule_id)
        self._seed(change)
        self._measured()
        self._tell_terms(change.get(TERMS, {}))
        if HALTS in change:
            self._desk.halt(self.sight[HALTS])
        self._tell_desk(before, change)
        self._monitor.open_late()

    def play(self, batch: Batch) -> Outcome:
        """Move everything through a batch in its order."""
        alerts: list[Alert] = []
        newest, late = np.full(len(self.symbols), -1, np.int64), 0
        for opens, first, end in self._days(batch.at_us):
            if opens:
                self._monitor.open_day()
            part = batch.take(slice(first, end))
            played = self._monitor.play(part.ticks)
            alerts += [_alert(crossing, part) for crossing in played.crossings]
            rows = played.followed.newest
            newest[part.symbol[rows]] = rows + first
            late += played.followed.late
        self._monitor.open_late()
        quoted = np.flatnonzero(newest >= 0)
        effects = Effects(tuple(alerts), self._desk.play(batch, self.symbols))
        return Outcome(effects, quoted, newest[quoted], late)

    def beat(self, at_us: int) -> Effects:
        """Time passes without ticks."""
        return Effects(tuple(Alert(crossing, None) for crossing in self._monitor.beat(at_us)))

    def state(self) -> State:
        """All of it."""
        return State(self.sight.copy(), self._monitor.memory(), self._desk.memory(), self._day)

    def _days(self, at_us: IntArray) -> list[tuple[bool, int, int]]:
        """The rows of each day of event time, from first to before end, and whether its first tick opens the day."""
        day = np.maximum(at_us // DAY_US, self._day)
        opens = np.flatnonzero(np.diff(day, prepend=self._day) != 0).tolist()
        edges = [0, *opens, len(at_us)]
        self._day = int(day[-1]) if len(day) else self._day
        parts = zip([False, *(True for _ in opens)], edges[:-1], edges[1:], strict=True)
        return [part for part in parts if part[1] < part[2]]

    def _seed(self, change: Change) -> None:
        """Marks that are known from before the first tick. The monitor is built anew, as at a restart: quotes are as
        old as their marks."""
        market = self._monitor.market
        for symbol, found in change.get(MARKS, {}).items():
            place = self.places.get(symbol)
            if place is None or market.at_us[place] != NEVER:
                continue
            at_us, bid, ask, mark = cast("list[float | None]", found)
            market.at_us[place], market.seq[place] = int(at_us or 0), NEVER
            for column, value in ((market.bid, bid), (market.ask, ask), (market.mark, mark)):
                column[place] = np.nan if value is None else value
        if MARKS in change:
            self._monitor = monitor_of(self._layout, self.sight, self._monitor.memory(), self._stored)

    def _measured(self) -> None:
        known = cast("dict[str, float]", self.sight[VAR])
        self._monitor.measured(np.array([known.get(each, np.nan) for each in self.portfolios], dtype=np.float64))

    def _tell_terms(self, told: Values) -> None:
        """There is one venue."""
        for terms in told.values():
            self._desk.deal_by(cast("JsonObject", terms))

    def _tell_desk(self, before: Sight, change: Change) -> None:
        """Orders that are open no more leave before others join: a replaced order and its successor never stand at
        once."""
        for portfolio, found in change.get(ORDERS, {}).items():
            old = cast("dict[str, JsonObject]", before[ORDERS].get(portfolio) or {})
            new = cast("dict[str, JsonObject]", found or {})
            self._desk.leave([order for order in old if order not in new])
            self._desk.restate([order for key, order in new.items() if old.get(key) != order])


def _alert(crossing: Crossing, part: Batch) -> Alert:
    if crossing.row < 0:
        return Alert(crossing, None)
    return Alert(crossing, Cause(int(part.partition[crossing.row]), int(part.offset[crossing.row])))


def _flows(before: Sight, change: Change, portfolios: tuple[str, ...]) -> list[tuple[str, int]]:
    """What came from outside since, by portfolio that was there before."""
    past = cast("dict[str, int]", before[FLOWS])
    now = cast("dict[str, int | None]", change.get(FLOWS, {}))
    moved = ((owner, (now[owner] or 0) - past.get(owner, 0)) for owner in portfolios if now.get(owner) is not None)
    return [(owner, flow) for owner, flow in moved if flow]


def _judged_anew(before: Sight, change: Change) -> list[str]:
    """Rules that were there before, and judge another way now."""
    past = before[RULES]
    moved = change.get(RULES, {})
    return [key for key, rule in moved.items() if rule and key in past and not rules.judges_alike(past[key], rule)]
