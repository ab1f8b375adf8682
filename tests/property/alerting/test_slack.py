"""Rules that are not looked at while their portfolio is far from breaking them are broken by the same ticks."""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np
from hypothesis import given, settings, strategies as st

from lakehouse.alerting.marks import Ticks
from lakehouse.alerting.monitor import Monitor, Scenarios
from lakehouse.alerting.rules import OF_PORTFOLIO, Crossing, Kind, Rule
from tests.factories.alerting import PORTFOLIOS, SYMBOLS, random_book

COUNT: Final = 240
LIMITS: Final = {
    Kind.DRAWDOWN: (0.0005, 0.02),
    Kind.DAILY_LOSS: (0.0005, 0.02),
    Kind.GROSS_EXPOSURE: (0.5, 2.0),
    Kind.CONCENTRATION: (0.2, 1.2),
    Kind.VAR_BATCH: (0.01, 0.03),
    Kind.VAR_LIVE: (0.01, 0.03),
}
Doing = Callable[[Monitor], None]


def rules_of(dice: np.random.Generator) -> list[Rule]:
    """Two of each portfolio, so that most stand far off at most times."""
    found = []
    for owner in PORTFOLIOS:
        for number in range(2):
            kind = sorted(OF_PORTFOLIO)[int(dice.integers(len(OF_PORTFOLIO)))]
            is_amount = kind is Kind.GROSS_EXPOSURE and bool(dice.random() < 0.5)
            limit = float(dice.uniform(*LIMITS[kind])) * (10_000.0 if is_amount else 1.0)
            found.append(
                Rule(
                    id=f"{owner}-{number}",
                    kind=kind,
                    limit=limit,
                    portfolio=owner,
                    is_amount=is_amount,
                    hysteresis=float(dice.choice([0.0, 0.01])),
                    cool_down_us=int(dice.choice([0, 9_000_000])),
                )
            )
    return found


def ticks_of(dice: np.random.Generator) -> Ticks:
    """Trades of a calm market, now and then one that is no price."""
    symbol = np.concatenate([np.arange(len(SYMBOLS)), dice.integers(0, len(SYMBOLS), COUNT)])
    price = 100.0 * np.exp(np.cumsum(dice.normal(0.0, 0.0015, len(symbol))))
    price[len(SYMBOLS) :][dice.random(COUNT) < 0.01] = 0.0
    at = 10_000_000 + np.cumsum(dice.integers(1, 400_000, len(symbol)))
    none = np.full(len(symbol), np.nan)
    return Ticks(symbol.astype(np.int64), at, np.arange(len(symbol)), none, none, price, np.ones(len(symbol)))


def doing(dice: np.random.Generator, rules: list[Rule]) -> Doing:
    """Something that happens between two ticks, to be done to any monitor."""
    rule, owner = rules[int(dice.integers(len(rules)))].id, str(dice.choice(PORTFOLIOS))
    flow, var = int(dice.integers(-4_000_000, 4_000_000)), dice.uniform(0.005, 0.04, len(PORTFOLIOS)) * 10_000
    factor = float(dice.uniform(0.8, 1.2))
    choices: list[Doing] = [
        lambda monitor: monitor.open_day(),
        lambda monitor: monitor.moved_cash(owner, flow),
        lambda monitor: monitor.measured(var),
        lambda monitor: monitor.pause(rule),
        lambda monitor: monitor.resume(rule),
        lambda monitor: monitor.rearm(rule),
        lambda monitor: monitor.restate(units=np.round(monitor.book.units * factor)),
        lambda monitor: monitor.restate(rates=monitor.book.rates * np.array([1.0, factor])),
        lambda monitor: monitor.restate(cash=monitor.book.cash + flow),
    ]
    return choices[int(dice.integers(len(choices)))]


def named(found: tuple[Crossing, ...], row: int) -> list[tuple[object, ...]]:
    return [(*each.key, each.at_us, row + each.row, each.value, each.bound) for each in found]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1_000_000))
def test_what_is_left_unjudged_would_have_done_nothing(seed: int) -> None:
    """Beside a monitor that is made anew before every tick, and has nothing to go by but what it judges then."""
    dice = np.random.default_rng(seed)
    book, rules, ticks = random_book(dice), rules_of(dice), ticks_of(dice)
    scenarios = Scenarios(returns=dice.normal(0, 0.01, (30, len(SYMBOLS))), confidence=0.95)
    ours = Monitor(book, rules, scenarios=scenarios)
    theirs, told, expected = Monitor(book, rules, scenarios=scenarios), [], []
    edges = [0, *sorted(set(dice.integers(1, COUNT, 12).tolist())), len(ticks.symbol)]
    for first, end in pairwise(edges):
        told += named(ours.play(ticks.part(first, end)).crossings, first)
        for row in range(first, end):
            theirs = Monitor(theirs.book, rules, memory=theirs.memory(), scenarios=scenarios)
            expected += named(theirs.play(ticks.part(row, row + 1)).crossings, row)
        happens = doing(dice, rules)
        for monitor in (ours, theirs):
            happens(monitor)
            monitor.open_late()
    assert told == expected
    assert (np.stack(ours.standing) == np.stack(theirs.standing)).all()
