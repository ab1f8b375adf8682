"""The Cornish-Fisher expansion of a loss quantile, its tail mean, and where it may be used."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from scipy.special import ndtri

from lakehouse.risk.checks import BoolArray, Confidence, FloatArray, RiskError, exact_confidence
from lakehouse.risk.moments import Moments

REACH = 10  # the expansion must rise out to a tail this many times smaller: from 99 % to 99.9 %


class ExpansionNotMonotone(RiskError):
    """The expansion falls where it must rise. Carries the `series` (column numbers) it happens to."""

    def __init__(self, series: tuple[int, ...], confidence: Confidence) -> None:
        self.series, self.confidence = series, confidence
        shown = ", ".join(str(number) for number in series[:10])
        super().__init__(
            f"Cornish-Fisher at confidence {confidence} is not increasing in the tail of {len(series)} series "
            f"(columns {shown}): their skewness and kurtosis are out of its domain; use another method for these"
        )


@dataclass(frozen=True, slots=True)
class NormalTail:
    """The standard normal's upper tail: its `quantile` z and its `mean` phi(z) / (1 - c) beyond it."""

    quantile: float
    mean: float


def normal_tail(confidence: Confidence) -> NormalTail:
    """Quantile and tail mean of the standard normal. Raises InvalidParameter unless 0.5 <= confidence < 1."""
    exact = exact_confidence(confidence)
    # From the small side: ndtri keeps its relative precision near 0 and loses it near 1.
    z = -float(ndtri(float(1 - exact)))
    density = float(np.exp(-z * z / 2) / np.sqrt(2 * np.pi))
    return NormalTail(z, density / float(1 - exact))


def expansion_quantile(moments: Moments, confidence: Confidence) -> FloatArray:
    """Standardised loss quantile (M,).

    z + (z^2-1)S/6 + (z^3-3z)K/24 - (2z^3-5z)S^2/36, with S, K of the *losses*. Source: Zangari (1996), RiskMetrics
    Monitor; Maillard (2012), "A User's Guide to the Cornish Fisher Expansion".
    """
    z = normal_tail(confidence).quantile
    s, k = moments.skewness, moments.excess_kurtosis
    return z + (z**2 - 1) * s / 6 + (z**3 - 3 * z) * k / 24 - (2 * z**3 - 5 * z) * s**2 / 36


def expansion_tail_mean(moments: Moments, confidence: Confidence) -> FloatArray:
    """Standardised mean loss beyond the quantile (M,): the expansion integrated over the normal's tail in closed form.

    phi(z)/(1-c) * (1 + zS/6 + (z^2-1)K/24 - (2z^2-1)S^2/36). Source: Maillard (2012); it is not the Edgeworth form of
    Boudt, Peterson and Croux (2008) that R's PerformanceAnalytics calls modified ES.
    """
    tail = normal_tail(confidence)
    z, s, k = tail.quantile, moments.skewness, moments.excess_kurtosis
    return tail.mean * (1 + z * s / 6 + (z**2 - 1) * k / 24 - (2 * z**2 - 1) * s**2 / 36)


def tail_is_monotone(moments: Moments, confidence: Confidence) -> BoolArray:
    """Whether the expansion increases from the confidence's quantile to that of a tail REACH times smaller: (M,).

    Maillard's domain asks for every z and so refuses any kurtosis below the normal's (the expansion turns far beyond
    every observation) and above 8 (it turns in the middle, which no tail number reads). Only the tail is asked here.
    """
    s, k = moments.skewness, moments.excess_kurtosis
    near = normal_tail(confidence).quantile
    far = -float(ndtri(float(1 - exact_confidence(confidence)) / REACH))
    curvature, slope, level = k / 8 - s**2 / 6, s / 3, 1 - k / 8 + 5 * s**2 / 36
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = np.where(curvature > 0, -slope / (2 * curvature), near)
    lowest = np.clip(vertex, near, far)
    rising = [curvature * z**2 + slope * z + level >= 0 for z in (near, lowest, far)]
    return cast(BoolArray, np.logical_and.reduce(rising))


def require_monotone_tail(moments: Moments, confidence: Confidence) -> None:
    """Raises ExpansionNotMonotone that names the series for which the expansion is not increasing in the tail."""
    valid = tail_is_monotone(moments, confidence)
    if not valid.all():
        raise ExpansionNotMonotone(tuple(int(i) for i in np.flatnonzero(~valid)), confidence)
