"""The same ticks give the same alerts: however they are cut into batches, replayed or restarted, and by a slow twin."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from hypothesis import given, settings, strategies as st

from lakehouse.alerting.book import QUANTA, Book, values, worth
from lakehouse.alerting.marks import Ticks
from lakehouse.alerting.monitor import Monitor, Scenarios
from lakehouse.alerting.rules import Crossing, Family, Kind, Rule
from lakehouse.risk.checks import FloatArray
from tests.factories.alerting import PORTFOLIOS, SYMBOLS, random_book, random_rules, random_ticks

SEEDS = st.integers(0, 100_000)
BATCH = (0.02, math.nan, 0.03)

Identity = tuple[str, str, int, int, int, float, float]


@dataclass
class World:
    """A drawn book with its rules, scenarios and ticks."""

    seed: int
    book: Book = field(init=False)
    rules: tuple[Rule, ...] = field(init=False)
    ticks: Ticks = field(init=False)
    returns: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        random = np.random.default_rng(self.seed)
        self.book, self.rules = random_book(random), random_rules(random)
        self.ticks, self.returns = random_ticks(random), random.normal(0, 0.02, (30, len(SYMBOLS)))

    def monitor(self) -> Monitor:
        found = Monitor(
            self.book, self.rules, scenarios=Scenarios(returns=self.returns, confidence=0.95), beat_us=1_000_000
        )
        found.measured(np.array(BATCH) * 1e4)
        return found


def cut(ticks: Ticks, edges: Sequence[int]) -> Iterator[tuple[int, Ticks]]:
    count = len(ticks.symbol)
    bounds = [0, *sorted({edge % (count + 1) for edge in edges}), count]
    for first, end in pairwise(bounds):
        yield first, ticks.part(first, end)


def named(crossing: Crossing, first: int) -> Identity:
    return (*crossing.key, crossing.at_us, crossing.row + first, crossing.value, crossing.bound)


def played(monitor: Monitor, batches: Iterator[tuple[int, Ticks]]) -> list[Identity]:
    return [named(each, first) for first, part in batches for each in monitor.play(part).crossings]


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, edges=st.lists(st.integers(0, 1000), max_size=12))
def test_batches_do_not_matter(seed: int, edges: list[int]) -> None:
    world = World(seed)
    whole = played(world.monitor(), cut(world.ticks, []))
    assert played(world.monitor(), cut(world.ticks, edges)) == whole
    assert played(world.monitor(), cut(world.ticks, range(len(world.ticks.symbol)))) == whole
    assert len({each[:3] for each in whole}) == len(whole)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, end=st.integers(0, 1000), back=st.integers(0, 1000))
def test_a_restart_goes_on_and_what_it_replays_changes_nothing(seed: int, end: int, back: int) -> None:
    world = World(seed)
    whole = played(world.monitor(), cut(world.ticks, []))
    count = len(world.ticks.symbol)
    first = world.monitor()
    until = end % (count + 1)
    before = played(first, iter([(0, world.ticks.part(0, until))]))
    second = Monitor(
        world.book, world.rules, memory=first.memory(), scenarios=Scenarios(returns=world.returns, confidence=0.95)
    )
    start = back % (until + 1)
    again = second.play(world.ticks.part(start, until))
    assert again.crossings == ()
    assert not again.followed.counted.any()
    assert before + played(second, iter([(until, world.ticks.part(until, count))])) == whole


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_rules_of_prices_know_only_their_own_symbol(seed: int) -> None:
    """Ticks of other symbols may come in any order between: partitions need no common order."""
    world = World(seed)
    order = np.argsort(world.ticks.symbol, kind="stable")
    rules = tuple(
        rule for rule in world.rules if rule.family is not Family.PORTFOLIO and rule.kind is not Kind.STALE_QUOTE
    )
    one, other = Monitor(world.book, rules), Monitor(world.book, rules)
    together = played(one, cut(world.ticks, []))
    apart = other.play(Ticks._make(column[order] for column in world.ticks)).crossings
    rows = [(*each.key, each.at_us, int(order[each.row]), each.value, each.bound) for each in apart]
    assert sorted(rows) == sorted(together)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_sums_kept_tick_by_tick_are_the_sums(seed: int) -> None:
    world = World(seed)
    monitor = world.monitor()
    for _, part in cut(world.ticks, range(0, 200, 7)):
        monitor.play(part)
        value = values(world.book, monitor.market.mark)
        sums = worth(world.book, value)
        assert (monitor.values == value).all()
        assert (monitor.equity == sums.equity(world.book.cash)).all()
        assert (monitor.missing == sums.missing).all()


@settings(max_examples=80, deadline=None)
@given(seed=SEEDS)
def test_a_slow_twin_finds_the_same(seed: int) -> None:
    world = World(seed)
    assert sorted(played(world.monitor(), cut(world.ticks, []))) == sorted(Slow(world).run())


class Slow:
    """One tick, one rule, one number at a time, in plain Python: the rules' definitions, with nothing kept that can be
    looked up again."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.last: dict[int, tuple[int, int]] = {}
        self.quote: dict[int, list[float]] = {name: [math.nan, math.nan] for name in range(len(SYMBOLS))}
        self.mark: dict[int, float] = {}
        self.peak: dict[int, int] = {}
        self.live: dict[int, float] = {}
        self.fired: dict[str, int] = {}
        self.open: set[str] = set()
        self.best: dict[str, float] = {}
        self.clock, self.began, self.beat = -1, -1, -1
        self.told: list[Identity] = []

    def run(self) -> list[Identity]:
        columns = [column.tolist() for column in self.world.ticks]
        for row, tick in enumerate(zip(*columns, strict=True)):
            self.tick(row, *tick)
        return self.told

    def tick(self, row: int, name: int, at: int, seq: int, bid: float, ask: float, price: float, size: float) -> None:
        if (at, seq) <= self.last.get(name, (-1, -1)):
            return
        if self.beat < 0:
            self.began = at
        elif at // 1_000_000 > self.beat:
            self.grow_old(row, at // 1_000_000)
        self.beat = max(self.beat, at // 1_000_000)
        self.last[name], self.clock = (at, seq), max(self.clock, at)
        for side, told in enumerate((bid, ask)):
            if not math.isnan(told):
                self.quote[name][side] = told if 0 < told < math.inf else math.nan
        low, high = self.quote[name]
        for rule in self.of(name, (Kind.CROSSED_QUOTE, Kind.STALE_QUOTE)):
            crossed = rule.kind is Kind.CROSSED_QUOTE
            self.judge(rule, row, at, float(crossed and low > high), 1.0 if crossed else rule.limit, above=True)
        mark = math.nan
        if not math.isnan(price):
            mark = price if 0 < price < math.inf and not size <= 0 else math.nan
        elif not (math.isnan(bid) and math.isnan(ask)) and low <= high:
            mark = (low + high) / 2
        if not math.isnan(mark):
            self.price(row, at, name, mark)

    def of(self, name: int, kinds: Sequence[Kind]) -> list[Rule]:
        return [rule for rule in self.world.rules if rule.kind in kinds and rule.symbol == SYMBOLS[name]]

    def units(self, owner: str | None, name: int) -> float:
        book = self.world.book
        for place in range(len(book.units)):
            if book.portfolios[book.portfolio[place]] == owner and book.symbol[place] == name:
                return float(book.units[place])
        return 0.0

    def price(self, row: int, at: int, name: int, mark: float) -> None:
        self.mark[name] = mark
        for rule in self.of(name, (Kind.PRICE_ABOVE, Kind.PRICE_BELOW)):
            self.judge(rule, row, at, mark, rule.limit, above=rule.kind is Kind.PRICE_ABOVE)
        for rule in self.of(name, (Kind.STOP_LOSS, Kind.TAKE_PROFIT, Kind.TRAILING_STOP)):
            units = self.units(rule.portfolio, name)
            if units == 0:
                continue
            bound, long = rule.limit, units > 0
            if rule.kind is Kind.TRAILING_STOP:
                if rule.id not in self.open:
                    old = self.best.get(rule.id, mark)
                    self.best[rule.id] = max(old, mark) if long else min(old, mark)
                bound = self.best[rule.id] * (1 - (rule.limit if long else -rule.limit))
            self.judge(rule, row, at, mark, bound, above=long == (rule.kind is Kind.TAKE_PROFIT))
        for owner in range(len(PORTFOLIOS)):
            book = self.world.book
            if any(book.portfolio[place] == owner and book.symbol[place] == name for place in range(len(book.units))):
                self.portfolio(row, owner)

    def held(self, owner: int) -> dict[int, int] | None:
        book = self.world.book
        found = {}
        for place in range(len(book.units)):
            if book.portfolio[place] != owner:
                continue
            name, units = int(book.symbol[place]), float(book.units[place])
            if name not in self.mark and units != 0:
                return None
            rate = float(book.rates[book.rate[place]])
            found[name] = round(units * self.mark.get(name, 0.0) * rate * QUANTA)
        return found

    def portfolio(self, row: int, owner: int) -> None:
        held = self.held(owner)
        if held is None:
            return
        equity = int(self.world.book.cash[owner]) + sum(held.values())
        peak = self.peak[owner] = max(equity, self.peak.get(owner, equity))
        sizes = [abs(value) for value in held.values()]
        for rule in self.world.rules:
            if rule.portfolio != PORTFOLIOS[owner] or rule.family is not Family.PORTFOLIO:
                continue
            value, of = {
                Kind.DRAWDOWN: (float(peak - equity), peak),
                Kind.DAILY_LOSS: (math.nan, math.nan),
                Kind.GROSS_EXPOSURE: (float(sum(sizes)), equity),
                Kind.CONCENTRATION: (float(max(sizes, default=0)), equity),
                Kind.VAR_BATCH: (BATCH[owner] * 1e4 * QUANTA, equity),
                Kind.VAR_LIVE: (self.live.get(owner, math.nan), equity),
            }[rule.kind]
            self.judge(rule, row, self.clock, value, rule.limit * of, above=True, unit=QUANTA)

    def grow_old(self, row: int, second: int) -> None:
        for name in range(len(SYMBOLS)):
            for rule in self.of(name, (Kind.STALE_QUOTE,)):
                age = (second * 1_000_000 - max(self.last.get(name, (-1, -1))[0], self.began)) / 1e6
                self.judge(rule, row, second * 1_000_000, age, rule.limit, above=True)
        self.live.clear()
        for owner in range(len(PORTFOLIOS)):
            held = self.held(owner)
            if held is not None and any(
                rule.kind is Kind.VAR_LIVE and rule.portfolio == PORTFOLIOS[owner] for rule in self.world.rules
            ):
                losses = sorted(
                    -sum(value * move[name] for name, value in sorted(held.items())) for move in self.world.returns
                )
                self.live[owner] = losses[math.ceil(0.95 * len(losses) - 1e-9) - 1]

    def judge(self, rule: Rule, row: int, at: int, value: float, bound: float, *, above: bool, unit: int = 1) -> None:
        sign = 1 if above else -1
        if rule.id in self.open:
            slack = rule.hysteresis * abs(bound)
            if not rule.once and sign * value < sign * (bound - sign * slack):
                self.open.remove(rule.id)
                self.best[rule.id] = value
            return
        earlier = [each for each in self.told if each[0] == rule.id]
        if sign * value < sign * bound or math.isnan(value) or math.isnan(bound):
            return
        if earlier and at < earlier[-1][3] + rule.cool_down_us:
            return
        self.open.add(rule.id)
        self.told.append((rule.id, rule.subject, len(earlier) + 1, at, row, value / unit, bound / unit))
