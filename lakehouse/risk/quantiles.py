"""Upper quantiles and tail means of empirical losses, with the convention as a parameter."""

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np

from lakehouse.risk.checks import Confidence, FloatArray, exact_confidence


class Quantile(StrEnum):
    """Which number between the order statistics is the quantile of n losses at confidence c.

    With L(1) <= ... <= L(n): LOWER is L(ceil(nc)), the smallest loss that n*c losses do not exceed (type 1 of Hyndman
    and Fan 1996; OpenSourceRisk's). HIGHER is L(floor(nc) + 1): it differs only where nc is whole (Hull's fifth
    worst of 500 at 99 %). The others interpolate at position nc + s: LINEAR s = 1 - c (type 7; R's and NumPy's
    default), HAZEN s = 1/2 (type 5; MATLAB's prctile), MEDIAN_UNBIASED s = (1 + c) / 3 (type 8).
    """

    LOWER = "lower"
    HIGHER = "higher"
    LINEAR = "linear"
    HAZEN = "hazen"
    MEDIAN_UNBIASED = "median_unbiased"


def upper_quantile(losses: FloatArray, confidence: Confidence, quantile: Quantile) -> FloatArray:
    """Quantile of every row of `losses` (M, n), finite and n >= 1 -> (M,), by selection and not by sorting."""
    rank, weight = quantile_place(quantile, losses.shape[1], exact_confidence(confidence))
    if weight == 0.0:
        return np.partition(losses, rank - 1, axis=1)[:, rank - 1]
    split = np.partition(losses, (rank - 1, rank), axis=1)
    below, above = split[:, rank - 1], split[:, rank]
    # Clipped because rounding may lift the interpolated value one unit past the order statistic above it.
    blended: FloatArray = np.minimum(below + weight * (above - below), above)
    return blended


def upper_tail_mean(losses: FloatArray, confidence: Confidence) -> FloatArray:
    """Mean of the worst n(1 - c) losses of every row of `losses` (M, n) -> (M,); the last one counts by its fraction.

    Source: Acerbi and Tasche (2002), "On the coherence of expected shortfall", definition 2.6 and proposition 4.1.
    """
    observations = losses.shape[1]
    mass = observations * (1 - exact_confidence(confidence))
    whole = math.floor(mass)
    edge = observations - whole - 1
    split = np.partition(losses, edge, axis=1)
    # Selection leaves the tail in any order: sorted, its sum has the same bits for every order of the scenarios.
    worst = np.sort(split[:, edge + 1 :], axis=1)
    total = worst.sum(axis=1) + float(mass - whole) * split[:, edge]
    mean: FloatArray = total / float(mass)
    return mean


def quantile_place(quantile: Quantile, observations: int, confidence: Fraction) -> tuple[int, float]:
    """The 1-based order statistic at or below the quantile, and the weight of the one after it."""
    centre = observations * confidence
    if quantile is Quantile.LOWER:
        return math.ceil(centre), 0.0
    if quantile is Quantile.HIGHER:
        return math.floor(centre) + 1, 0.0
    shift = {
        Quantile.LINEAR: 1 - confidence,
        Quantile.HAZEN: Fraction(1, 2),
        Quantile.MEDIAN_UNBIASED: (1 + confidence) / 3,
    }[quantile]
    place = min(max(centre + shift, Fraction(1)), Fraction(observations))
    rank = math.floor(place)
    return rank, float(place - rank)


@dataclass(frozen=True, slots=True)
class TailWeights:
    """Weights (K,) of the worst scenarios, worst first, whose weighted losses sum to VaR and to shortfall."""

    var: FloatArray
    es: FloatArray


def tail_weights(quantile: Quantile, observations: int, confidence: Confidence) -> TailWeights:
    """Which of `observations` ordered losses make the quantile, and the mean beyond it.

    VaR is one loss, or two where `quantile` interpolates; shortfall the worst n(1 - c), the last one by its fraction.
    Source: Acerbi and Tasche (2002), definition 2.6, as `upper_tail_mean`.
    """
    exact = exact_confidence(confidence)
    rank, weight = quantile_place(quantile, observations, exact)
    mass = observations * (1 - exact)
    whole = math.floor(mass)
    size = max(observations - rank + 1, whole + 1)
    var, shortfall = np.zeros(size), np.zeros(size)
    var[observations - rank] = 1.0 - weight
    if weight > 0.0:
        var[observations - rank - 1] = weight
    shortfall[:whole] = 1.0
    shortfall[whole] = float(mass - whole)
    return TailWeights(var, shortfall / float(mass))
