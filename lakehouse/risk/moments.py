"""Sample moments of losses, one series a row."""

from dataclasses import dataclass

import numpy as np

from lakehouse.risk.checks import FloatArray, InvalidParameter, require_history


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and standard deviation (M,) of losses, base currency; skewness and excess kurtosis (M,), pure numbers."""

    mean: FloatArray
    deviation: FloatArray
    skewness: FloatArray
    excess_kurtosis: FloatArray

    def scaled(self, horizon_days: int) -> "Moments":
        """Moments of a sum of `horizon_days` independent days: the cumulants add, so root-of-time for the deviation."""
        root = np.sqrt(float(horizon_days))
        return Moments(
            self.mean * horizon_days, self.deviation * root, self.skewness / root, self.excess_kurtosis / horizon_days
        )


def mean_and_deviation(losses: FloatArray, ddof: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean (M,), standard deviation (M,) with divisor n - ddof, and centred losses (M, n) of contiguous `losses`.

    Raises InvalidParameter unless ddof is 0 or 1, InsufficientHistory below ddof + 1 observations.
    """
    check_ddof(ddof)
    observations = losses.shape[1]
    require_history(observations, ddof + 1, f"standard deviation with ddof {ddof}")
    mean = losses.mean(axis=1)
    centred = losses - mean[:, None]
    return mean, np.sqrt((centred * centred).sum(axis=1) / (observations - ddof)), centred


def loss_moments(losses: FloatArray, ddof: int) -> Moments:
    """Moments of contiguous rows of `losses` (M, n). Only the deviation uses `ddof`: skewness and excess kurtosis are
    the population's g1 and g2, and 0 where the losses do not vary.

    Raises InvalidParameter unless ddof is 0 or 1, InsufficientHistory below four observations.
    """
    require_history(losses.shape[1], 4, "skewness and kurtosis")
    mean, deviation, centred = mean_and_deviation(losses, ddof)
    spread = np.sqrt((centred * centred).mean(axis=1))
    # A smaller spread is the rounding of the mean: its shape means nothing.
    varies = spread > 1e-12 * np.abs(mean)
    standard = centred / np.where(varies, spread, 1.0)[:, None]
    square = standard * standard
    return Moments(
        mean=mean,
        deviation=deviation,
        skewness=np.where(varies, (square * standard).mean(axis=1), 0.0),
        excess_kurtosis=np.where(varies, (square * square).mean(axis=1) - 3.0, 0.0),
    )


def check_ddof(ddof: int) -> None:
    """Raises InvalidParameter unless `ddof` is 0 (divide by n) or 1 (divide by n - 1)."""
    if ddof not in (0, 1):
        raise InvalidParameter(f"ddof is {ddof}: 0 divides by n, 1 by n - 1")
