"""Whether a probability means what it says: of all that are told 0.2, one in five must happen; of all that are told to
stay below the 0.95 quantile, nineteen in twenty must."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from lakehouse.risk.checks import FloatArray, InvalidParameter, NonFinite, ShapeMismatch, finite_matrix

CROSSING_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Forecasts that lie together: from `lower` to `upper`, `count` of them, with their mean `forecast` and the share
    that happened, `frequency`."""

    lower: float
    upper: float
    count: int
    forecast: float
    frequency: float


@dataclass(frozen=True, slots=True)
class Brier:
    """The Brier score and what it is made of (Murphy 1973; Stephenson, Coelho and Jolliffe 2008 for bins).

    `score = reliability - resolution + uncertainty`, exactly. `reliability` is 0 for a calibrated forecast.
    `resolution` is how far it tells cases apart, with what lies within the bins (so it may be slightly negative).
    `uncertainty` is the score of always saying the base rate.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """A quantile forecast: of `count` outcomes the share `observed` was at or below it, where `level` should be;
    `p_value` of the exact two-sided binomial test; `pinball` is the mean quantile loss."""

    level: float
    count: int
    observed: float
    p_value: float
    pinball: float


def reliability_table(probabilities: FloatArray, outcomes: FloatArray, *, bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """(n,) `probabilities` in [0, 1] against (n,) `outcomes` of 0 or 1, in `bins` of equal width; empty ones left out.

    The last bin holds 1. NaN policy: refused. Raises InvalidParameter, NonFinite, ShapeMismatch.
    """
    said, happened = _pairs(probabilities, outcomes)
    places = _places(said, bins)
    return tuple(
        ReliabilityBin(
            place / bins,
            (place + 1) / bins,
            int(inside.sum()),
            float(said[inside].mean()),
            float(happened[inside].mean()),
        )
        for place in np.unique(places)
        for inside in (places == place,)
    )


def expected_calibration_error(probabilities: FloatArray, outcomes: FloatArray, *, bins: int = 10) -> float:
    """Mean distance of forecast and frequency over the bins, weighted by their counts: 0 is calibrated (Naeini 2015).
    Raises as `reliability_table`."""
    table = reliability_table(probabilities, outcomes, bins=bins)
    total = sum(each.count for each in table)
    return sum(each.count * abs(each.forecast - each.frequency) for each in table) / total


def brier(probabilities: FloatArray, outcomes: FloatArray, *, bins: int = 10) -> Brier:
    """The mean squared distance of forecast and outcome, taken apart. Raises as `reliability_table`."""
    said, happened = _pairs(probabilities, outcomes)
    table = reliability_table(said, happened, bins=bins)
    counts = np.array([each.count for each in table], dtype=np.float64)
    forecasts = np.array([each.forecast for each in table])
    frequencies = np.array([each.frequency for each in table])
    base, total = float(happened.mean()), float(counts.sum())
    score = float(((said - happened) ** 2).mean())
    reliability = float((counts * (forecasts - frequencies) ** 2).sum() / total)
    uncertainty = base * (1 - base)
    return Brier(score, reliability, reliability + uncertainty - score, uncertainty)


def quantile_coverage(observed: FloatArray, quantiles: FloatArray, levels: tuple[float, ...]) -> tuple[Coverage, ...]:
    """How often (n,) `observed` stayed at or below each column of (n, Q) `quantiles` at those `levels`, ascending.

    NaN policy: refused. Raises InvalidParameter for levels outside (0, 1), not ascending, or quantiles that cross;
    NonFinite, ShapeMismatch.
    """
    values = finite_matrix("observed", np.asarray(observed, dtype=np.float64)[:, None])
    table = finite_matrix("quantiles", quantiles)
    if table.shape != (len(values), len(levels)) or not len(values):
        raise ShapeMismatch(f"quantiles have shape {table.shape}: pass ({len(values)}, {len(levels)}), one row or more")
    if not all(0 < each < 1 for each in levels) or list(levels) != sorted(set(levels)):
        raise InvalidParameter(f"levels {levels} must ascend within (0, 1)")
    if (np.diff(table, axis=1) < -CROSSING_TOLERANCE).any():
        raise InvalidParameter("quantiles cross: a higher level lies below a lower one")
    return tuple(_coverage(values[:, 0], table[:, place], level) for place, level in enumerate(levels))


def as_metrics(found: Iterable[Coverage]) -> dict[str, float]:
    """The shares below each quantile as metrics of an MLflow run, `covered_05` for the level 0.05."""
    return {f"covered_{each.level * 100:02g}": each.observed for each in found}


def _coverage(observed: FloatArray, quantile: FloatArray, level: float) -> Coverage:
    below = int((observed <= quantile).sum())
    missed = observed - quantile
    pinball = float(np.maximum(level * missed, (level - 1) * missed).mean())
    p_value = float(binomtest(below, len(observed), level).pvalue)
    return Coverage(level, len(observed), below / len(observed), p_value, pinball)


def _pairs(probabilities: FloatArray, outcomes: FloatArray) -> tuple[FloatArray, FloatArray]:
    said, happened = np.asarray(probabilities, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
    if said.ndim != 1 or said.shape != happened.shape or not len(said):
        raise ShapeMismatch(f"probabilities {said.shape} and outcomes {happened.shape}: pass two equal rows, not empty")
    if not np.isfinite(said).all():
        raise NonFinite("probabilities", int((~np.isfinite(said)).sum()), (int(np.argmin(np.isfinite(said))),))
    if said.min() < 0 or said.max() > 1 or not np.isin(happened, (0.0, 1.0)).all():
        raise InvalidParameter("probabilities lie in [0, 1] and outcomes are 0 or 1")
    return said, happened


def _places(said: FloatArray, bins: int) -> FloatArray:
    if bins < 1:
        raise InvalidParameter(f"bins is {bins}: must be at least 1")
    places: FloatArray = np.minimum(np.floor(said * bins), bins - 1)
    return places
