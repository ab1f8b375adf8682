"""Trade surveillance: how far an order lies from what its account usually does.

Each feature gets a robust z-score against the account's own earlier orders: the distance from their median in units of
the scaled median absolute deviation, which a few outliers cannot move. Notional, quantity and frequency count upwards
only, the distance from the market price counts both ways. The score is z / (z + 3.5) of the largest z: 0 is usual, 0.5
is the limit of 3.5 deviations that Iglewicz and Hoaglin propose for outliers, and 1 is never reached.

With fewer than MIN_HISTORY earlier orders nothing can be said: the score is then UNKNOWN_SCORE, which is neither usual
nor an alert, and the reason says `insufficient_history`.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import inf, isfinite, log, log1p
from statistics import median
from typing import Final

from lakehouse.trading.observation import Observation
from ml.checks.learned import RULES, Learned

MIN_HISTORY: Final = 10
UNKNOWN_SCORE: Final = 0.25
LIMIT_Z: Final = 3.5
ALERT_SCORE: Final = 0.5
"""A score of this or more is an alert."""
INSUFFICIENT_HISTORY: Final = "insufficient_history"
USUAL: Final = "usual"
WINDOW: Final = timedelta(hours=1)
# Scales a median absolute deviation to the standard deviation of normal data.
MAD_SCALE: Final = 1.4826
# Where all earlier values are nearly equal, a small difference is no anomaly: the smallest deviation a feature has.
LOG_FLOOR: Final = 0.1
DEVIATION_FLOOR: Final = 0.005
COUNT_FLOOR: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`score` in [0, 1); `is_alert` where it reaches ALERT_SCORE; `reason` is the feature that stands out most.
    `source` is rules, or NAME@VERSION of the trained model that gave the score."""

    score: float
    is_alert: bool
    reason: str
    source: str = RULES

    @property
    def told(self) -> str:
        """The reason, and the model where there is one."""
        return self.reason if self.source == RULES else f"{self.reason} by {self.source}"


def judge(order: Observation, history: Sequence[Observation], learned: Learned | None = None) -> Verdict:
    """The verdict on an order, given the account's earlier orders of any order in time: by what a trained model has
    `learned` where there is one, by robust z-scores otherwise. Too short a history is unknown to both.

    Raises ValueError for values that are not finite or not positive: a check that cannot be evaluated is no pass.
    """
    _check((order, *history))
    if len(history) < MIN_HISTORY:
        return Verdict(score=UNKNOWN_SCORE, is_alert=False, reason=INSUFFICIENT_HISTORY)
    scores = z_scores(order, history)
    reason, largest = max(scores.items(), key=lambda item: item[1])
    z = max(0.0, largest)
    score, source = (z / (z + LIMIT_Z), RULES) if learned is None else (learned.score, learned.source)
    is_alert = score >= ALERT_SCORE
    return Verdict(score=score, is_alert=is_alert, reason=reason if is_alert else USUAL, source=source)


def z_scores(order: Observation, history: Sequence[Observation]) -> dict[str, float]:
    """How many robust deviations each feature of the order lies above the account's earlier orders, at least one: of
    the distance from the market price both ways, of the others upwards."""
    return {
        "notional": _z(log(order.notional), [log(each.notional) for each in history], LOG_FLOOR),
        "quantity": _z(log(order.quantity), [log(each.quantity) for each in history], LOG_FLOOR),
        "price_deviation": abs(_z(order.price_deviation, [each.price_deviation for each in history], DEVIATION_FLOOR)),
        "frequency": _frequency(order, history),
    }


def _z(value: float, earlier: Sequence[float], floor: float) -> float:
    """Signed robust z-score; `floor` is the smallest spread that is believed."""
    centre = median(earlier)
    spread = MAD_SCALE * median([abs(each - centre) for each in earlier])
    return (value - centre) / max(spread, floor)


def _frequency(order: Observation, history: Sequence[Observation]) -> float:
    """How the number of orders in the last hour compares with that number at each earlier order."""
    times = sorted(each.at for each in history)
    counts: list[int] = []
    start = 0
    for place, at in enumerate(times):
        begin = at - WINDOW
        while times[start] <= begin:
            start += 1
        counts.append(place - start + 1)
    now = 1 + bisect_right(times, order.at) - bisect_right(times, order.at - WINDOW)
    return _z(log1p(now), list(map(log1p, counts)), COUNT_FLOOR)


def _check(observations: Sequence[Observation]) -> None:
    """One pass in C over each member, which is what an order pays for: who it was is looked for where one is wrong."""
    sizes = [each.notional for each in observations] + [each.quantity for each in observations]
    deviations = [each.price_deviation for each in observations]
    if all(map(isfinite, sizes)) and min(sizes) > 0 and all(map(isfinite, deviations)):
        return
    wrong = next(each for each in observations if not _is_sound(each))
    raise ValueError(f"surveillance needs positive, finite numbers, not {wrong}")


def _is_sound(each: Observation) -> bool:
    return 0 < each.notional < inf and 0 < each.quantity < inf and isfinite(each.price_deviation)
