"""The book and the rules of a sight as lakehouse.alerting has them: built whole, or changed in place."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final, cast

import numpy as np

from lakehouse.alerting.book import Book
from lakehouse.alerting.memory import Memory, OfRules
from lakehouse.alerting.monitor import Monitor, Scenarios
from lakehouse.alerting.rules import Rule
from lakehouse.risk.checks import FloatArray, IntArray
from lakehouse.stores.alerting import StoredRule
from streaming.hot import rules
from streaming.hot.changes import CASH, PORTFOLIOS, RATES, RETURNS, RULES, SYMBOLS, UNITS, UNKNOWN_CASH, Change, Sight
from streaming.kit.names import names_of

NOWHERE: Final = ""
"""The symbol at place 0, which never ticks: a portfolio with cash that has no rate holds one unit of it, without a
rate, so that it is not wholly priced, and not judged."""

Held = dict[str, float]


class Layout:
    """Where everything of a sight stands in the columns of its book."""

    def __init__(self, sight: Sight) -> None:
        self.symbols = (NOWHERE, *sight[SYMBOLS])
        self.portfolios = tuple(sight[PORTFOLIOS])
        self.place = {name: place for place, name in enumerate(self.symbols)}
        self.names = names_of(self.symbols)
        self._currency = ("", *cast("dict[str, str]", sight[SYMBOLS]).values())
        self._pairs: dict[str, int] = {}
        held = [_held(sight, portfolio) for portfolio in self.portfolios]
        self._first = np.cumsum([0, *(len(each) for each in held)])
        self._names = [tuple(each) for each in held]

    def book(self, sight: Sight) -> Book:
        """The book that it was made of."""
        symbol = np.array([self.place[name] for names in self._names for name in names], dtype=np.int64)
        sizes = np.diff(self._first)
        rate = [
            self._pair(sight, name, owner)
            for names, owner in zip(self._names, self.portfolios, strict=True)
            for name in names
        ]
        return Book(
            symbols=self.symbols,
            portfolios=self.portfolios,
            symbol=symbol,
            portfolio=np.repeat(np.arange(len(sizes)), sizes),
            units=self.units(sight),
            rate=np.array(rate, dtype=np.int64),
            rates=self.rates(sight),
            cash=self.cash(sight),
        )

    def takes(self, sight: Sight, change: Change) -> bool:
        """Whether the change needs no other columns, only other numbers in them."""
        if not {SYMBOLS, PORTFOLIOS, RULES, RETURNS}.isdisjoint(change):
            return False
        touched = {*change.get(UNITS, {}), *change.get(CASH, {})}
        owners = {owner: place for place, owner in enumerate(self.portfolios) if owner in touched}
        return all(tuple(_held(sight, owner)) == self._names[place] for owner, place in owners.items())

    def units(self, sight: Sight) -> FloatArray:
        """(I,) of its positions."""
        held = [units for owner in self.portfolios for units in _held(sight, owner).values()]
        return np.array(held, dtype=np.float64)

    def cash(self, sight: Sight) -> IntArray:
        """(P,) quanta."""
        known = (sight[CASH].get(owner, 0) for owner in self.portfolios)
        return np.array([0 if each == UNKNOWN_CASH else each for each in known], dtype=np.int64)

    def rates(self, sight: Sight) -> FloatArray:
        """The rates by their places; 1 first, NaN where there is none."""
        found = cast("dict[str, float]", sight[RATES])
        return np.array([1.0, *(found.get(pair, np.nan) for pair in self._pairs)], dtype=np.float64)

    def _pair(self, sight: Sight, symbol: str, owner: str) -> int:
        source, target = self._currency[self.place[symbol]], sight[PORTFOLIOS][owner]
        if source == target:
            return 0
        return self._pairs.setdefault(f"{source}/{target}", len(self._pairs) + 1)


class Stored:
    """The rules of sights, each read from its JSON once."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[object, StoredRule, Rule]] = {}

    def of(self, sight: Sight) -> list[tuple[StoredRule, Rule]]:
        """All of a sight's rules."""
        now: dict[str, tuple[object, StoredRule, Rule]] = {}
        for key, found in sight[RULES].items():
            known = self._read.get(key)
            if known is None or known[0] is not found:
                stored = rules.from_json(found)
                known = found, stored, stored.rule
            now[key] = known
        self._read = now
        return [(stored, rule) for _, stored, rule in now.values()]


def monitor_of(layout: Layout, sight: Sight, memory: Memory, stored: Stored) -> Monitor:
    """A monitor of all of the sight that goes on from `memory`."""
    places = dict.fromkeys(layout.portfolios)
    watched = [(each, rule) for each, rule in stored.of(sight) if rules.is_watchable(rule, layout.place, places)]
    known = set(memory.rules.ids)
    fresh = [(each.crossings, rule.id) for each, rule in watched if rule.id not in known]
    scenarios = scenarios_of(layout, sight)
    made = Monitor(layout.book(sight), [rule for _, rule in watched], memory=_with(memory, fresh), scenarios=scenarios)
    paused = {
        rule_id for rule_id, is_paused in zip(memory.rules.ids, memory.rules.paused.tolist(), strict=True) if is_paused
    }
    for each, rule in watched:
        if rules.is_paused(each):
            made.pause(rule.id)
        elif rule.id in paused:
            made.resume(rule.id)
    return made


def returns_to_text(returns: FloatArray) -> str:
    """As RETURNS has them."""
    return b64encode(returns.astype("<f8").tobytes()).decode()


def scenarios_of(layout: Layout, sight: Sight) -> Scenarios | None:
    """The scenarios of the layout's symbols, NaN of those that have none; None where no symbol has any."""
    found = {name: np.frombuffer(b64decode(str(text)), "<f8") for name, text in sight[RETURNS].items()}
    if not found:
        return None
    returns = np.full((max(map(len, found.values())), len(layout.symbols)), np.nan)
    for name, column in found.items():
        if name in layout.place and len(column) == len(returns):
            returns[:, layout.place[name]] = column
    return Scenarios(returns=returns)


def _with(memory: Memory, fresh: Sequence[tuple[int, str]]) -> Memory:
    """The memory, and of rules that it does not know how often they were broken before."""
    past, count = memory.rules, len(fresh)
    if not count:
        return memory
    no, unknown = np.zeros(count, np.bool_), np.full(count, np.nan)
    zero, never = np.zeros(count, np.int64), np.full(count, np.iinfo(np.int64).min)
    known = OfRules(
        ids=(*past.ids, *(rule_id for _, rule_id in fresh)),
        fired=np.append(past.fired, no),
        paused=np.append(past.paused, no),
        ready_us=np.append(past.ready_us, never),
        crossings=np.append(past.crossings, [crossings for crossings, _ in fresh]),
        best=np.append(past.best, unknown),
        seen=np.append(past.seen, zero),
        side=np.append(past.side, zero),
    )
    return Memory(memory.symbols, memory.market, known, memory.portfolios, memory.time)


def _held(sight: Sight, portfolio: str) -> Held:
    found = cast("Held", sight[UNITS].get(portfolio, {}))
    return found | {NOWHERE: 1.0} if sight[CASH].get(portfolio) == UNKNOWN_CASH else found
