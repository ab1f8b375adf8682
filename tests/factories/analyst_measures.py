"""The formulas behind the analysts' marts, as short as they can be: not those of the platform."""

from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, chi2, norm

Array = NDArray[np.float64]


def cents(value: float) -> Decimal:
    """A stored amount."""
    return Decimal(value).quantize(Decimal("0.01"), ROUND_HALF_EVEN)


def measure(pnl: Array, method: str, confidence: float) -> tuple[float, float]:
    """VaR and expected shortfall, positive for a loss."""
    if method == "historical":
        tail = np.sort(pnl)[: tail_of(len(pnl), confidence)]
        return float(-tail[-1]), float(-tail.mean())
    mean, deviation = pnl.mean(), pnl.std(ddof=1)
    score = norm.ppf(confidence)
    return float(score * deviation - mean), float(norm.pdf(score) / (1 - confidence) * deviation - mean)


def components(parts: Array, method: str, confidence: float) -> tuple[Array, Array]:
    """What `measure` of the profits `parts` (days, holdings) comes from, by holding: of VaR and expected shortfall."""
    total = parts.sum(axis=1)
    if method == "historical":
        tail = np.argsort(total, kind="stable")[: tail_of(len(total), confidence)]
        return -parts[tail[-1]], -parts[tail].mean(axis=0)
    mean = parts.mean(axis=0)
    slope = (parts - mean).T @ (total - total.mean()) / (len(total) - 1) / total.std(ddof=1)
    score = norm.ppf(confidence)
    return score * slope - mean, norm.pdf(score) / (1 - confidence) * slope - mean


def kupiec_p_value(breaches: int, days: int, chance: float) -> float:
    """Of the proportion of failures."""
    rate = breaches / days
    ratio = binom.logpmf(breaches, days, chance) - binom.logpmf(breaches, days, rate)
    return float(chi2.sf(-2 * ratio, 1))


def tail_of(days: int, confidence: float) -> int:
    """How many of `days` are in the tail, at least one."""
    return max(1, round(days * (1 - confidence)))


def cost_of(notional: Decimal) -> Decimal:
    """Five basis points."""
    return (notional * Decimal("0.0005")).quantize(Decimal("0.01"))
