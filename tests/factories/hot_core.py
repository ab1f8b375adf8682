"""Sights, changes and batches for tests of the hot process's core, drawn from a seed."""

import math
from collections.abc import Sequence
from uuid import UUID

import numpy as np

from lakehouse.alerting.rules import Rule
from lakehouse.trading.venue import Terms
from streaming.hot.batch import Batch
from streaming.hot.changes import CASH, FLOWS, MARKS, PORTFOLIOS, RULES, SYMBOLS, UNITS, VAR, Change
from streaming.hot.desk import SimulatedDesk
from streaming.hot.effects import Effects
from streaming.hot.processor import DAY_US, Core, State
from tests.factories.alerting import PORTFOLIOS as OWNER_NAMES, SYMBOLS as NAMES, random_rules, random_ticks

OWNER_IDS = {name: str(UUID(int=100 + place)) for place, name in enumerate(OWNER_NAMES)}
OWNERS = tuple(OWNER_IDS.values())
FIRST_US = 20_000 * DAY_US
Step = Change | Batch | int
"""A change, ticks, or a beat at an event time."""


def core_of(state: State | None = None) -> Core:
    """A core that goes on from `state`, with a desk of its own."""
    return Core(SimulatedDesk(Terms()), state)


def opening(random: np.random.Generator) -> Change:
    """Everything that there is at first: all but the last symbol and portfolio."""
    owners = OWNERS[:-1]
    rules = random_rules(random)
    return {
        SYMBOLS: dict.fromkeys(NAMES[:-1], "USD"),
        PORTFOLIOS: dict.fromkeys(owners, "USD"),
        UNITS: {owner: _units(random, NAMES[:-1]) for owner in owners},
        CASH: {owner: int(random.integers(0, 40_000_000)) for owner in owners},
        RULES: {str(UUID(int=n)): _rule(n, rule) for n, rule in enumerate(rules)},
        MARKS: {NAMES[0]: [FIRST_US - DAY_US, 99.0, 101.0, 100.0]},
    }


def changed(random: np.random.Generator) -> Change:
    """Something that may happen to a book."""
    owner = str(random.choice(OWNERS))
    cash, flow = int(random.integers(0, 40_000_000)), int(random.integers(-1_000_000, 1_000_000))
    number = int(random.integers(0, 40))
    rule = _rule(number, random_rules(random)[number])
    choices: tuple[Change, ...] = (
        {UNITS: {owner: _units(random, NAMES[:-1])}},
        {CASH: {owner: cash}},
        {CASH: {owner: "unknown"}},
        {CASH: {owner: cash}, FLOWS: {owner: flow}},
        {SYMBOLS: {NAMES[-1]: "USD"}, UNITS: {owner: _units(random, NAMES)}},
        {PORTFOLIOS: {OWNERS[-1]: "USD"}, CASH: {OWNERS[-1]: cash}},
        {PORTFOLIOS: {OWNERS[-1]: None}, UNITS: {OWNERS[-1]: None}, CASH: {OWNERS[-1]: None}},
        {RULES: {str(rule["id"]): rule}},
        {RULES: {str(rule["id"]): rule | {"status": "paused"}}},
        {RULES: {str(rule["id"]): None}},
        {VAR: {owner: float(random.uniform(1.0, 2_000.0))}},
    )
    found = choices[int(random.integers(0, len(choices)))]
    return found if SYMBOLS in found or random.random() < 0.9 else found | {SYMBOLS: {NAMES[-1]: "USD"}}


def steps(random: np.random.Generator, count: int = 14) -> list[Step]:
    """The opening, then ticks of two days in batches, changes and beats."""
    ticks = random_ticks(random, 160)
    at_us = ticks.at_us - ticks.at_us.min() + FIRST_US + DAY_US - 60_000_000
    zero = np.zeros(len(at_us), np.int64)
    size = np.full(len(at_us), np.nan)
    batch = Batch(
        symbol=ticks.symbol + 1,
        at_us=at_us,
        seq=ticks.seq,
        price=ticks.price,
        size=ticks.size,
        bid=ticks.bid,
        bid_size=size,
        ask=ticks.ask,
        ask_size=size,
        partition=zero,
        offset=np.arange(len(at_us)),
        kafka_us=zero,
    )
    edges = np.unique(random.integers(0, len(at_us), count)).tolist()
    found: list[Step] = [opening(random)]
    for first, end in zip([0, *edges], [*edges, len(at_us)], strict=True):
        part = batch.take(slice(first, end)).in_order()
        found.append(part)
        if random.random() < 0.5:
            found.append(changed(random))
        if random.random() < 0.2:
            found.append(int(at_us[:end].max(initial=FIRST_US)) + 1_500_000)
    return found


def together(batches: Sequence[Batch]) -> Batch:
    """All ticks of the batches as one, in order."""
    names = Batch.__dataclass_fields__
    return Batch(**{name: np.concatenate([getattr(each, name) for each in batches]) for name in names}).in_order()


def taken(core: Core, step: Step) -> Effects:
    """What a step causes. Ticks of symbols that the core does not know do not reach it."""
    if isinstance(step, dict):
        core.change(step)
        return Effects()
    if isinstance(step, int):
        return core.beat(step)
    return core.play(step.take(np.flatnonzero(step.symbol < len(core.symbols)))).effects


def _units(random: np.random.Generator, names: tuple[str, ...]) -> dict[str, float]:
    return {name: float(random.integers(-30, 60)) for name in names if random.random() < 0.6}


def _rule(number: int, rule: Rule) -> dict[str, object]:
    """As streaming.hot.rules writes it."""
    return {
        "id": str(UUID(int=number)),
        "owner_id": str(UUID(int=1)),
        "portfolio_id": None if rule.portfolio is None else OWNER_IDS[rule.portfolio],
        "symbol": rule.symbol,
        "kind": rule.kind.value,
        "limit_value": None if math.isnan(rule.limit) else repr(rule.limit),
        "is_amount": False,
        "hysteresis": repr(rule.hysteresis),
        "cool_down_s": rule.cool_down_us // 1_000_000,
        "once": rule.once,
        "severity": "warning",
        "status": "active",
        "arming": 1,
        "version": 1,
        "crossings": 0,
    }
