"""Whether one forecast's losses are lower than another's by more than chance: Diebold-Mariano and a block bootstrap."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from lakehouse.risk.checks import FloatArray, InvalidParameter, finite_matrix, require_history

LEAST_DAYS = 20
"""Fewer days say nothing about a long-run variance."""


@dataclass(frozen=True, slots=True)
class Superiority:
    """`gain` is the mean loss of the other less that of the candidate: positive where the candidate is better.
    `p_value` is one-sided: how often a gain like this would be seen if there were none."""

    gain: float
    statistic: float
    p_value: float


def diebold_mariano(candidate: npt.ArrayLike, other: npt.ArrayLike, *, horizon: int = 1) -> Superiority:
    """One-sided test that `candidate` has lower losses than `other`; both (T,), one a day, the same days in order.

    The long-run variance is Newey and West's (1987) with Bartlett weights and floor(4 (T / 100)^(2/9)) lags, at least
    horizon - 1; the statistic has the small-sample factor of Harvey, Leybourne and Newbold (1997, equation 9) and
    Student's t distribution with T - 1 degrees. Equal losses give p = 1. NaN policy: refused.
    Raises NonFinite, InvalidParameter, InsufficientHistory below LEAST_DAYS.
    Source: Diebold and Mariano (1995), "Comparing Predictive Accuracy", JBES 13(3).
    """
    gains = _gains(candidate, other)
    days = len(gains)
    lags = max(horizon - 1, int(4 * (days / 100) ** (2 / 9)))
    centred = gains - gains.mean()
    variance = float(centred @ centred) / days
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * float(centred[lag:] @ centred[:-lag]) / days
    if variance <= 0 or not gains.any():
        return Superiority(float(gains.mean()), 0.0, 1.0)
    small = np.sqrt((days + 1 - 2 * horizon + horizon * (horizon - 1) / days) / days)
    statistic = float(small * gains.mean() / np.sqrt(variance / days))
    return Superiority(float(gains.mean()), statistic, float(student.sf(statistic, days - 1)))


def block_bootstrap(
    candidate: npt.ArrayLike, other: npt.ArrayLike, *, seed: int, draws: int = 2000, block: int | None = None
) -> Superiority:
    """The same question without a distribution: the gain against the means of `draws` recentred histories made of
    circular blocks of `block` days (T^(1/3), rounded up, where none is given). `statistic` is the gain over the
    bootstrap's standard deviation. p is never 0: (1 + exceedances) / (1 + draws).

    Raises as `diebold_mariano`. Source: Politis and Romano (1992), "A circular block-resampling procedure for
    stationary data".
    """
    gains = _gains(candidate, other)
    days = len(gains)
    length = block or int(np.ceil(days ** (1 / 3)))
    generator = np.random.Generator(np.random.Philox(key=seed))
    starts = generator.integers(0, days, (draws, -(-days // length)))
    places = (starts[:, :, None] + np.arange(length)).reshape(draws, -1)[:, :days] % days
    means = (gains - gains.mean())[places].mean(axis=1)
    spread = float(means.std())
    gain = float(gains.mean())
    p_value = (1 + int((means >= gain).sum())) / (1 + draws)
    return Superiority(gain, gain / spread if spread > 0 else 0.0, p_value)


def _gains(candidate: npt.ArrayLike, other: npt.ArrayLike) -> FloatArray:
    ours, theirs = (finite_matrix("losses", np.atleast_2d(np.asarray(each)))[0] for each in (candidate, other))
    if ours.shape != theirs.shape:
        raise InvalidParameter(f"losses of {len(ours)} and {len(theirs)} days cannot be compared")
    require_history(len(ours), LEAST_DAYS, "a comparison of forecasts")
    return np.asarray(theirs - ours, dtype=np.float64)
