"""Payments of made-up accounts over two years, with the habits, surprises and frauds of each.

Habits: own level of amounts and pace, receivers of uneven frequency, a rent, an income, hours of the day. Surprises
that are no fraud: large purchases, days of travel with new receivers, accounts that pay at night. Frauds: a takeover
that empties the account in minutes, a victim persuaded to send one large sum by day, small probes before a large sum,
and a thief who keeps to the account's usual amounts. The frauds that went through are part of what came before.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np

from ml.checks.fraud import Attempt, Paid

UNIT_MINOR: Final = 100
MONTH: Final = 30
NIGHT_OWL_SHARE: Final = 0.12
INCIDENT_SHARE: Final = 0.6
"""Share of the accounts that are defrauded once."""


@dataclass(frozen=True, slots=True)
class AccountPayments:
    """An account's payments by time, and which of them (by place) were frauds."""

    attempts: tuple[Attempt, ...]
    frauds: frozenset[int]

    def past(self, place: int) -> tuple[Paid, ...]:
        """What the account had paid before the payment at `place`."""
        return tuple(
            Paid(amount_minor=each.amount_minor, counterparty=each.counterparty, at=each.at)
            for each in self.attempts[:place]
        )


@dataclass(frozen=True, slots=True)
class _Wish:
    """A payment before it is known whether the balance allows it. `share` of the balance counts where it is given."""

    at: datetime
    receiver: str
    units: float = 0.0
    share: float = 0.0
    is_fraud: bool = False


def payment_histories(*, seed: int, accounts: int, first: date, days: int) -> tuple[AccountPayments, ...]:
    """The same for the same arguments, and each account's whatever the number of others."""
    return tuple(_account(np.random.default_rng([seed, place]), first, days) for place in range(accounts))


def _account(random: np.random.Generator, first: date, days: int) -> AccountPayments:
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    level, pace = float(random.lognormal(np.log(60), 0.8)), float(random.uniform(6, 26))
    wishes = [
        *_usual(random, begin, days, level, pace),
        *_rent(random, begin, days, level),
        *_travel(random, begin, days),
    ]
    if random.random() < INCIDENT_SHARE:
        start = begin + timedelta(days=float(random.uniform(0.15, 1)) * days, hours=float(random.uniform(0, 24)))
        wishes += _incident(random, start, level)
    income = 1.5 * pace * level * 2.2
    return _paid(sorted(wishes, key=lambda wish: (wish.at, wish.receiver)), begin, income)


def _usual(random: np.random.Generator, begin: datetime, days: int, level: float, pace: float) -> list[_Wish]:
    """The daily life of the account: receivers like Zipf's words, some of them new, a large purchase now and then."""
    centre, count = float(random.normal(14, 1.5)), int(random.poisson(pace * days / MONTH))
    if random.random() < NIGHT_OWL_SHARE:
        centre = 1.0
    known = int(random.integers(8, 30))
    made = []
    for when in np.sort(random.uniform(0, days, size=count)):
        hour = float(random.normal(centre, 3.5)) % 24
        at = begin + timedelta(days=int(when), hours=hour)
        is_new = random.random() < 0.06
        receiver = f"new-{random.integers(1 << 40)}" if is_new else f"known-{min(known, int(random.zipf(1.6)))}"
        units = float(random.lognormal(np.log(level), 0.9))
        if random.random() < 0.004:
            units, receiver = units * float(random.uniform(8, 40)), f"seller-{random.integers(1 << 40)}"
        made.append(_Wish(at, receiver, _rounded(random, units)))
    return made


def _rent(random: np.random.Generator, begin: datetime, days: int, level: float) -> list[_Wish]:
    units = float(round(level * random.uniform(4, 9), -1)) + 10
    return [_Wish(begin + timedelta(days=day, hours=9), "landlord", units) for day in range(2, days, MONTH)]


def _travel(random: np.random.Generator, begin: datetime, days: int) -> list[_Wish]:
    """A few days abroad, twice in two years: many small payments to receivers that are new, at odd hours."""
    made = []
    for _ in range(int(random.poisson(2 * days / 730))):
        start = float(random.uniform(0, max(1, days - 5)))
        for _ in range(int(random.integers(6, 18))):
            at = begin + timedelta(days=start + float(random.uniform(0, 4)))
            made.append(_Wish(at, f"abroad-{random.integers(1 << 40)}", float(random.lognormal(np.log(40), 0.6))))
    return made


def _incident(random: np.random.Generator, start: datetime, level: float) -> list[_Wish]:
    kind = str(random.choice(["takeover", "persuaded", "probe", "mimic"], p=[0.4, 0.25, 0.2, 0.15]))
    receiver = f"mule-{random.integers(1 << 40)}"
    if kind == "takeover":
        steps = np.cumsum(random.exponential(6, size=int(random.integers(3, 7))))
        night = start.replace(hour=int(random.integers(0, 7))) if random.random() < 0.6 else start
        return [
            _Wish(
                night + timedelta(minutes=float(step)),
                f"{receiver}-{place % 3}",
                0,
                float(random.uniform(0.2, 0.6)),
                True,
            )
            for place, step in enumerate(steps)
        ]
    if kind == "persuaded":
        day = start.replace(hour=int(random.integers(9, 19)))
        return [_Wish(day, receiver, 0, float(random.uniform(0.4, 0.95)), True)]
    if kind == "probe":
        small = [_Wish(start, receiver, float(random.uniform(1, 3)), 0, True)]
        large = _Wish(start + timedelta(minutes=float(random.uniform(2, 40))), receiver, 0, 0.7, True)
        return [*small, large]
    return [
        _Wish(start + timedelta(days=place), receiver, float(random.lognormal(np.log(level * 1.5), 0.5)), 0, True)
        for place in range(int(random.integers(1, 4)))
    ]


def _paid(wishes: list[_Wish], begin: datetime, income: float) -> AccountPayments:
    """The wishes that the balance allows; the income comes every 30 days."""
    balance, months = int(2 * income * UNIT_MINOR), 0
    attempts: list[Attempt] = []
    frauds: set[int] = set()
    for wish in wishes:
        due = (wish.at - begin).days // MONTH
        balance, months = balance + (due - months) * int(income * UNIT_MINOR), due
        units = wish.share * balance / UNIT_MINOR if wish.share else wish.units
        amount = int(round(units, -1 if wish.share else 2) * UNIT_MINOR)
        if not 0 < amount < balance:
            continue
        if wish.is_fraud:
            frauds.add(len(attempts))
        attempts.append(
            Attempt(
                amount_minor=amount,
                counterparty=wish.receiver,
                at=wish.at,
                balance_minor=balance,
                unit_minor=UNIT_MINOR,
            )
        )
        balance -= amount
    return AccountPayments(tuple(attempts), frozenset(frauds))


def _rounded(random: np.random.Generator, units: float) -> float:
    """One payment in ten is of a round sum."""
    return round(units, 2) if random.random() > 0.1 else max(10.0, round(units, -1))
