"""What a Sharpe ratio is worth: probabilistic and deflated, after how long a track, how skewed, and how many trials.

Bailey and Lopez de Prado: "The Sharpe Ratio Efficient Frontier", Journal of Risk 15(2), 2012, and "The Deflated Sharpe
Ratio", Journal of Portfolio Management 40(5), 2014. Ratios are of one observation (a day), not annualised.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import norm

from lakehouse.risk.checks import FloatArray, InvalidParameter, require_count, require_history

EULER_GAMMA: Final = 0.577_215_664_901_532_9
MINIMUM: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A track record: Sharpe ratio of an observation, their number, skewness and kurtosis (3 for a normal)."""

    sharpe: float
    observations: int
    skewness: float = 0.0
    kurtosis: float = 3.0


def track_of(returns: FloatArray) -> Track:
    """The track of (T,) simple returns above the risk-free rate. A constant series has a Sharpe ratio of 0: nothing can
    be said about it. Raises InsufficientHistory below 3."""
    require_history(len(returns), MINIMUM, "a Sharpe ratio")
    centred = returns - returns.mean()
    deviation = float(np.sqrt(np.mean(centred**2)))
    # Below this the deviation is only rounding.
    if deviation <= 1e-12 * max(1.0, float(np.abs(returns).max())):
        return Track(sharpe=0.0, observations=len(returns))
    return Track(
        sharpe=float(returns.mean() / returns.std(ddof=1)),
        observations=len(returns),
        skewness=float(np.mean(centred**3)) / deviation**3,
        kurtosis=float(np.mean(centred**4)) / deviation**4,
    )


def probabilistic(track: Track, benchmark: float = 0.0) -> float:
    """The probability, in [0, 1], that the true Sharpe ratio is above `benchmark` (of an observation)."""
    require_history(track.observations, MINIMUM, "a probabilistic Sharpe ratio")
    sharpe = track.sharpe
    variance = 1 - track.skewness * sharpe + (track.kurtosis - 1) / 4 * sharpe**2
    if variance <= 0:
        raise InvalidParameter(f"no distribution has skewness {track.skewness} and kurtosis {track.kurtosis}")
    return float(norm.cdf((sharpe - benchmark) * math.sqrt(track.observations - 1) / math.sqrt(variance)))


def expected_maximum(trials: int, variance: float) -> float:
    """The Sharpe ratio that the best of `trials` independent strategies without any skill is expected to show.

    `variance` is that of the trials' Sharpe ratios, of an observation. 0 for a single trial.
    """
    require_count("trials", trials)
    if variance < 0:
        raise InvalidParameter(f"variance is {variance}: must not be negative")
    if trials == 1:
        return 0.0
    first, second = norm.ppf(1 - 1 / trials), norm.ppf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * float((1 - EULER_GAMMA) * first + EULER_GAMMA * second)


def deflated(track: Track, *, trials: int, variance: float) -> float:
    """The probability, in [0, 1], that the best of `trials` is better than luck makes it look."""
    return probabilistic(track, expected_maximum(trials, variance))


def minimum_track(track: Track, *, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """Observations needed until `probabilistic` reaches `confidence`; infinite where the ratio is not above it."""
    if track.sharpe <= benchmark:
        return math.inf
    variance = 1 - track.skewness * track.sharpe + (track.kurtosis - 1) / 4 * track.sharpe**2
    return float(1 + variance * (norm.ppf(confidence) / (track.sharpe - benchmark)) ** 2)
