"""What the fraud model sees of a payment: the payment beside the account's own past, no counterparty by name."""

import math
from collections.abc import Sequence
from datetime import timedelta
from statistics import median
from typing import Final

import numpy as np

from lakehouse.risk.checks import FloatArray
from ml.checks.fraud import NIGHT_HOURS_UTC, ROUND_UNITS, VELOCITY_WINDOW, Attempt, Paid

DAY: Final = timedelta(days=1)
MAX_PAST: Final = 528
"""How many of the newest payments count; the API reads as many."""
MAX_DOUBLINGS: Final = 20.0
PAYMENT_FEATURES: Final = (
    "amount",
    "over_median",
    "over_largest",
    "balance_share",
    "day_share",
    "is_new",
    "known",
    "hour_count",
    "day_count",
    "pause",
    "is_night",
    "is_round",
    "history",
)
NEEDS_BALANCE: Final = frozenset({"balance_share", "day_share"})
"""Features that are known when a payment is judged, and cannot be made again from what is stored."""


def payment_features(attempt: Attempt, past: Sequence[Paid]) -> FloatArray:
    """(13,) PAYMENT_FEATURES of the attempt, given the account's payments before it, oldest first; always finite.

    Amounts are logarithms, of the account's median and largest payment in doublings; counts and the pause in seconds
    are log(1 + x); shares are of what may be spent.
    """
    recent = past[-MAX_PAST:]
    amounts = [each.amount_minor for each in recent]
    day = [each for each in recent if timedelta(0) <= attempt.at - each.at <= DAY]
    hour = sum(attempt.at - each.at <= VELOCITY_WINDOW for each in day)
    known = sum(each.counterparty == attempt.counterparty for each in recent)
    spent = sum(each.amount_minor for each in day)
    balance = max(1, attempt.balance_minor)
    pause_s = max(0.0, (attempt.at - recent[-1].at).total_seconds()) if recent else 0.0
    return np.array(
        [
            math.log10(attempt.amount_minor / attempt.unit_minor),
            _doublings(attempt.amount_minor, median(amounts)) if amounts else 0.0,
            _doublings(attempt.amount_minor, max(amounts)) if amounts else 0.0,
            min(1.0, attempt.amount_minor / balance),
            min(1.0, (spent + attempt.amount_minor) / (spent + balance)),
            float(known == 0),
            math.log1p(known),
            math.log1p(hour),
            math.log1p(len(day)),
            math.log1p(pause_s),
            float(attempt.at.hour in NIGHT_HOURS_UTC),
            float(attempt.amount_minor % (ROUND_UNITS * attempt.unit_minor) == 0),
            math.log1p(len(recent)),
        ]
    )


def _doublings(amount: int, usual: float) -> float:
    return max(-MAX_DOUBLINGS, min(MAX_DOUBLINGS, math.log2(amount / usual)))
