"""Orders of made-up accounts, with the habits, surprises and abuses of each.

Habits: own size, pace, distance of limits from the market, orders that come in sessions. Surprises that are no abuse:
days of rebalancing with a dozen orders in an hour, an inheritance invested at once. Abuses: layering (a row of orders
away from the market within minutes), painting the price (few orders at prices far from it), errors of a factor of ten
and more, and washing (the same size again and again, close to the market: hard to tell).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np

from lakehouse.trading.observation import Observation

INCIDENT_SHARE: Final = 0.5
"""Share of the accounts that abuse once."""


@dataclass(frozen=True, slots=True)
class AccountOrders:
    """An account's orders by time, and which of them (by place) were abuses."""

    orders: tuple[Observation, ...]
    abuses: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Habit:
    notional: float
    price: float
    spread: float

    def order(
        self, random: np.random.Generator, at: datetime, *, times: float = 1.0, away: float | None = None
    ) -> Observation:
        """A usual order, `times` as large, `away` from the market."""
        notional = self.notional * times * float(random.lognormal(0, 0.5))
        deviation = (
            away if away is not None else (0.0 if random.random() < 0.6 else float(random.normal(0, self.spread)))
        )
        price = self.price * float(random.lognormal(0, 0.3))
        return Observation(
            at=at, notional=notional, quantity=max(0.01, round(notional / price, 2)), price_deviation=deviation
        )


def order_histories(*, seed: int, accounts: int, first: date, days: int) -> tuple[AccountOrders, ...]:
    """The same for the same arguments, and each account's whatever the number of others."""
    return tuple(_account(np.random.default_rng([seed, place]), first, days) for place in range(accounts))


def _account(random: np.random.Generator, first: date, days: int) -> AccountOrders:
    begin = datetime(first.year, first.month, first.day, 14, tzinfo=UTC)
    habit = _Habit(
        float(random.lognormal(np.log(2000), 1)),
        float(random.lognormal(np.log(80), 0.7)),
        float(random.uniform(0.003, 0.02)),
    )
    made = [(each, False) for each in (*_sessions(random, habit, begin, days), *_surprises(random, habit, begin, days))]
    if random.random() < INCIDENT_SHARE:
        start = begin + timedelta(days=int(random.uniform(0.2, 1) * days), hours=float(random.uniform(0, 6)))
        made += [(each, True) for each in _incident(random, habit, start)]
    made.sort(key=lambda pair: pair[0].at)
    return AccountOrders(
        tuple(order for order, _ in made), frozenset(place for place, (_, abuse) in enumerate(made) if abuse)
    )


def _sessions(random: np.random.Generator, habit: _Habit, begin: datetime, days: int) -> list[Observation]:
    made = []
    for day in np.sort(random.integers(0, days, size=int(random.poisson(days / 7 * random.uniform(0.5, 2))))):
        at = begin + timedelta(days=int(day), hours=float(random.uniform(0, 6)))
        for _ in range(int(random.integers(1, 5))):
            made.append(habit.order(random, at))
            at += timedelta(minutes=float(random.exponential(15)))
    return made


def _surprises(random: np.random.Generator, habit: _Habit, begin: datetime, days: int) -> list[Observation]:
    made = []
    for _ in range(int(random.poisson(3 * days / 365))):
        at = begin + timedelta(days=int(random.integers(0, days)))
        if random.random() < 0.7:
            made += [
                habit.order(random, at + timedelta(minutes=4 * place)) for place in range(int(random.integers(8, 16)))
            ]
        else:
            made.append(habit.order(random, at, times=float(random.uniform(5, 20)), away=0.0))
    return made


def _incident(random: np.random.Generator, habit: _Habit, start: datetime) -> list[Observation]:
    kind = str(random.choice(["layering", "painting", "error", "washing"], p=[0.4, 0.25, 0.2, 0.15]))
    sign = float(random.choice([-1, 1]))
    if kind == "layering":
        return [
            habit.order(
                random,
                start + timedelta(minutes=float(place) * 1.5),
                times=float(random.uniform(1.5, 4)),
                away=sign * float(random.uniform(0.02, 0.07)),
            )
            for place in range(int(random.integers(8, 20)))
        ]
    if kind == "painting":
        return [
            habit.order(
                random,
                start + timedelta(minutes=20 * place),
                times=float(random.uniform(2, 8)),
                away=sign * float(random.uniform(0.04, 0.12)),
            )
            for place in range(int(random.integers(1, 4)))
        ]
    if kind == "error":
        return [habit.order(random, start, times=float(10 ** random.uniform(1, 2)), away=float(random.normal(0, 0.03)))]
    return [
        habit.order(random, start + timedelta(minutes=3 * place), times=2.0, away=0.001 * sign)
        for place in range(int(random.integers(6, 14)))
    ]
