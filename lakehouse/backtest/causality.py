"""The proof that a strategy does not look ahead: take the future away, or change it, and nothing up to now may move."""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from lakehouse.backtest.event import play
from lakehouse.backtest.market import BacktestError, Market
from lakehouse.backtest.orders import Intent, OrderStrategy, Seen, Withdraw
from lakehouse.backtest.rules import Rules
from lakehouse.backtest.strategies.kit import Strategy
from lakehouse.risk.checks import FloatArray

CUTS: Final = 4
TOLERANCE: Final = 1e-9


class LookAhead(BacktestError):
    """Decisions up to a day changed when only the days after it did. Carries the `day`, first of those that moved."""

    def __init__(self, day: str, how: str) -> None:
        self.day = day
        super().__init__(f"the strategy sees the future: its decision of {day} is another one when later days {how}")


def prove(strategy: Strategy, market: Market, *, seed: int, cuts: int = CUTS) -> str:
    """Raises LookAhead unless the weights up to each of `cuts` random days are the same in a market that ends there,
    and in ones whose later prices are others or stop. Returns the statement that this was proven."""
    whole = strategy.weights(market)
    random = np.random.default_rng(seed)
    days = _cut_days(market, random, cuts)
    for day in days:
        for how, other in _futures(market, day, random):
            _require_same(market, whole, strategy.weights(other), day, how)
    return _statement(market, days)


def prove_orders(strategy: OrderStrategy, market: Market, rules: Rules, *, seed: int, cuts: int = CUTS) -> str:
    """The same for a strategy that trades by orders: everything that it placed and withdrew up to the day must be the
    same, and so must the equity.

    `strategy` is played several times and must keep nothing from one run to the next.
    """
    whole, told = _played(strategy, market, rules)
    random = np.random.default_rng(seed)
    days = _cut_days(market, random, cuts)
    for day in days:
        for how, other in _futures(market, day, random):
            equity, said = _played(strategy, other, rules)
            _require_same(market, whole, equity, day, how)
            for place in range(day + 1):
                if told[place] != said[place]:
                    raise LookAhead(str(market.dates[place]), how)
    return _statement(market, days)


@dataclass(slots=True)
class _Recorder:
    """A strategy whose wishes of each day are written down."""

    strategy: OrderStrategy
    said: list[tuple[Intent | Withdraw, ...]] = field(default_factory=list)

    def decide(self, seen: Seen) -> tuple[Intent | Withdraw, ...]:
        self.said.append(tuple(self.strategy.decide(seen)))
        return self.said[-1]


def _played(
    strategy: OrderStrategy, market: Market, rules: Rules
) -> tuple[FloatArray, list[tuple[Intent | Withdraw, ...]]]:
    recorder = _Recorder(strategy)
    return play(market, recorder, rules).result.equity[:, None], recorder.said


def _cut_days(market: Market, random: np.random.Generator, cuts: int) -> list[int]:
    least = min(market.days - 2, market.days // 4)
    return sorted(random.integers(least, market.days - 1, cuts).tolist())


def _futures(market: Market, day: int, random: np.random.Generator) -> list[tuple[str, Market]]:
    return [
        ("are taken away", market.until(day)),
        ("are changed", _changed(market, day, random)),
        ("stop trading", _stopped(market, day, random)),
    ]


def _changed(market: Market, day: int, random: np.random.Generator) -> Market:
    moves = np.exp(random.normal(0.0, 0.3, market.close[day + 1 :].shape))
    bars = {name: getattr(market, name).copy() for name in ("open", "high", "low", "close", "volume")}
    for name in bars:
        bars[name][day + 1 :] *= moves
    return replace(market, **bars)


def _stopped(market: Market, day: int, random: np.random.Generator) -> Market:
    gone = random.random(len(market.symbols)) < 0.5
    bars = {name: getattr(market, name).copy() for name in ("open", "high", "low", "close")}
    for name in bars:
        bars[name][day + 1 :, gone] = np.nan
    return replace(market, **bars)


def _require_same(market: Market, one: FloatArray, other: FloatArray, day: int, how: str) -> None:
    same = np.isclose(one[: day + 1], other[: day + 1], rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True).all(axis=1)
    if not same.all():
        raise LookAhead(str(market.dates[int(np.argmin(same))]), how)


def _statement(market: Market, days: list[int]) -> str:
    return f"decisions unchanged by later days, at {', '.join(str(market.dates[day]) for day in days)}"
