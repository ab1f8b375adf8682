"""How unusual a payment is for its account: documented rules, and an isolation forest where there is history enough.

Each rule gives points of 100; their sum, at most 100, is the rules' score. The forest, trained on the account's own
payments, gives an anomaly in [0, 1]; the two are joined as `1 - (1 - rules) * (1 - FOREST_WEIGHT * anomaly)`. So the
forest alone never asks for a review, and a rule that gives more points never lowers the score.

Where a trained model is in use (`learned`) its score takes the place of both. The rules still explain, and what they
alone would block stays blocked: a model may hold more payments and let go more of those that wait for a person, but
never what every rule speaks against.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ml.checks.learned import RULES, Learned

REVIEW_AT = 0.6
BLOCK_AT = 0.85

NEW_COUNTERPARTY_POINTS = 20
ROUND_POINTS = 5
NIGHT_POINTS = 10
NIGHT_HOURS_UTC = range(6)
ROUND_UNITS = 1000
SHARE_FREE = 0.5  # up to half of the balance is usual
SHARE_POINTS = 25
VELOCITY_WINDOW = timedelta(hours=1)
VELOCITY_FREE = 3
VELOCITY_POINTS_EACH = 8
VELOCITY_POINTS = 40
JUMP_HISTORY = 3
JUMP_POINTS_PER_DOUBLING = 12
JUMP_POINTS = 35

FOREST_HISTORY = 32  # fewer payments say nothing about what is usual
FOREST_STEP = 16  # a forest is trained anew after so many payments
FOREST_WINDOW = 512
FOREST_WEIGHT = 0.5
FOREST_SEED = 20221228
FOREST_TREES = 64
# `-score_samples` is about 0.5 for what is usual; 0.75 is as unusual as small forests tell apart.
USUAL, UNUSUAL = 0.5, 0.75


class FraudRecommendation(StrEnum):
    """What to do with the payment: let it go, have a person look, or stop the money."""

    ALLOW = "allow"
    REVIEW = "review"
    BLOCK = "block"


class FraudModel(StrEnum):
    """What the score was made of: `RULES` alone means that the account's history was too short for more."""

    RULES = "rules"
    FOREST = "rules+isolation_forest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """A payment of the account's past. `counterparty` is any text that is equal for equal receivers."""

    amount_minor: int
    counterparty: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A payment to be judged. `balance_minor` is what may be spent now; `unit_minor` one unit in minor units."""

    amount_minor: int
    counterparty: str
    at: datetime
    balance_minor: int
    unit_minor: int


@dataclass(frozen=True, slots=True)
class Reason:
    """What a rule found, and the points of 100 that it gave."""

    rule: str
    points: int
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The score in [0, 1], what it recommends and why. `source` is rules, or NAME@VERSION of the trained model."""

    score: float
    recommendation: FraudRecommendation
    reasons: tuple[Reason, ...]
    model: FraudModel
    source: str = RULES


class Forest(Protocol):
    """What is usual for an account."""

    def anomaly(self, features: NDArray[np.float64]) -> float:
        """How unusual one payment's features are, in [0, 1]."""
        ...


def assess(
    attempt: Attempt, past: Sequence[Paid], forest: Forest | None = None, learned: Learned | None = None
) -> Verdict:
    """Judge the attempt by the account's past, oldest first: by what a trained model has `learned` where there is one,
    otherwise by rules and the forest where there is one.

    Pure; takes milliseconds with a forest. `forest` comes from `train` on the same account and currency.
    """
    reasons = [reason for reason in _rules(attempt, past) if reason.points > 0]
    score = min(100, sum(reason.points for reason in reasons)) / 100
    if learned is not None:
        return _by_model(learned, score, reasons)
    model = FraudModel.RULES
    if forest is not None:
        model = FraudModel.FOREST
        anomaly = min(1.0, max(0.0, forest.anomaly(features(attempt, past))))
        points = round(100 * FOREST_WEIGHT * anomaly)
        score = 1 - (1 - score) * (1 - FOREST_WEIGHT * anomaly)
        reasons.append(Reason("isolation_forest", points, f"anomaly {anomaly:.2f} among the account's payments"))
    score = round(score, 4)
    return Verdict(score, recommendation_of(score), tuple(reasons), model)


def _by_model(learned: Learned, rules: float, reasons: Sequence[Reason]) -> Verdict:
    score = round(max(learned.score, rules if rules >= BLOCK_AT else 0.0), 4)
    said = Reason(learned.source, round(100 * learned.score), f"a probability of fraud of {learned.probability:.4f}")
    return Verdict(score, recommendation_of(score), (*reasons, said), FraudModel.RULES, learned.source)


def recommendation_of(score: float) -> FraudRecommendation:
    """What a score asks for."""
    if score >= BLOCK_AT:
        return FraudRecommendation.BLOCK
    return FraudRecommendation.REVIEW if score >= REVIEW_AT else FraudRecommendation.ALLOW


def _rules(attempt: Attempt, past: Sequence[Paid]) -> tuple[Reason, ...]:
    share, velocity, jump = _share_points(attempt), _recent(attempt, past), _jump_points(attempt, past)
    is_new = all(each.counterparty != attempt.counterparty for each in past)
    is_round = attempt.amount_minor % (ROUND_UNITS * attempt.unit_minor) == 0
    is_night = attempt.at.hour in NIGHT_HOURS_UTC
    velocity_points = min(VELOCITY_POINTS, VELOCITY_POINTS_EACH * max(0, velocity - VELOCITY_FREE))
    return (
        Reason("balance_share", share, "takes more than half of what the account may spend"),
        Reason("new_counterparty", NEW_COUNTERPARTY_POINTS * is_new, "the account has never paid this receiver"),
        Reason("velocity", velocity_points, f"{velocity} payments in the hour before"),
        Reason("amount_jump", jump, "more than the account has ever paid"),
        Reason("round_number", ROUND_POINTS * is_round, f"a multiple of {ROUND_UNITS}"),
        Reason("night_hours", NIGHT_POINTS * is_night, "between 0 and 6 o'clock UTC"),
    )


def _share_points(attempt: Attempt) -> int:
    if attempt.amount_minor >= attempt.balance_minor:
        return SHARE_POINTS
    share = attempt.amount_minor / attempt.balance_minor
    return int(SHARE_POINTS * max(0.0, (share - SHARE_FREE) / (1 - SHARE_FREE)))


def _recent(attempt: Attempt, past: Sequence[Paid]) -> int:
    return sum(timedelta(0) <= attempt.at - each.at <= VELOCITY_WINDOW for each in past)


def _jump_points(attempt: Attempt, past: Sequence[Paid]) -> int:
    largest = max((each.amount_minor for each in past), default=0)
    if len(past) < JUMP_HISTORY or attempt.amount_minor <= largest:
        return 0
    return min(JUMP_POINTS, int(JUMP_POINTS_PER_DOUBLING * math.log2(attempt.amount_minor / largest)))


def features(attempt: Attempt | Paid, past: Sequence[Paid]) -> NDArray[np.float64]:
    """What the forest sees of a payment, given those before it: amount, hour, receiver, pause."""
    angle = 2 * math.pi * (attempt.at.hour + attempt.at.minute / 60) / 24
    known = sum(each.counterparty == attempt.counterparty for each in past)
    pause_s = max(0.0, (attempt.at - past[-1].at).total_seconds()) if past else 0.0
    amount = math.log10(attempt.amount_minor)
    return np.array([amount, math.sin(angle), math.cos(angle), math.log1p(known), math.log1p(pause_s)])


def trained_on(total: int) -> int:
    """How many of an account's `total` payments its forest knows of: changes each FOREST_STEP payments; 0 is none."""
    return total - total % FOREST_STEP if total >= FOREST_HISTORY else 0


def training_window(past: Sequence[Paid], total: int | None = None) -> Sequence[Paid]:
    """The payments that a forest is trained on: the last FOREST_WINDOW of those that `trained_on` counts.

    `past` is the end of a history of `total` payments, and at least FOREST_WINDOW + FOREST_STEP long or whole. So the
    same forest serves FOREST_STEP payments, and is the same whenever it is trained. Empty where there are too few.
    """
    all_of_them = len(past) if total is None else total
    end = len(past) - (all_of_them - trained_on(all_of_them))
    return past[max(0, end - FOREST_WINDOW) : max(0, end)] if trained_on(all_of_them) else ()


def train(window: Sequence[Paid]) -> Forest | None:
    """The forest of an account's `training_window`; None for an empty one. CPU work of about 0.1 s: use a thread."""
    if not window:
        return None
    return _IsolationForest(np.stack([features(each, window[:index]) for index, each in enumerate(window)]))


class _IsolationForest:
    def __init__(self, rows: NDArray[np.float64]) -> None:
        # It takes seconds to import: whoever never scores does not pay for it.
        from sklearn.ensemble import IsolationForest

        self._fitted = IsolationForest(n_estimators=FOREST_TREES, random_state=FOREST_SEED, n_jobs=1).fit(rows)

    def anomaly(self, features: NDArray[np.float64]) -> float:
        """See Forest."""
        score = -float(self._fitted.score_samples(features.reshape(1, -1))[0])
        return (score - USUAL) / (UNUSUAL - USUAL)
