"""Whether what a model sees now is still what it was trained on: population stability, Kolmogorov-Smirnov, and one
false discovery rate over all features together.

Drift may start a training; it never promotes a model, and it says nothing about how good the model is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

import numpy as np
from scipy.stats import false_discovery_control, ks_2samp

from lakehouse.errors import TidemarkError
from lakehouse.risk.checks import FloatArray, InvalidParameter, finite_matrix

# An empty bin would make the index infinite: it counts as half an observation.
EMPTY_BIN = 0.5


class DriftInputError(TidemarkError):
    """The two samples do not have the same features."""


class Shift(StrEnum):
    """What is said of a feature. `TOO_FEW` is no all-clear: nothing can be said."""

    TOO_FEW = "too_few"
    STABLE = "stable"
    MOVED = "moved"
    DRIFTED = "drifted"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRule:
    """When a feature has drifted.

    A feature with fewer than `minimum` values on either side is not judged: with m and n values and B bins the index of
    two equal populations is about (B - 1)(1/m + 1/n) (Yurdakul 2018), which 250 values keep below `moved`. `moved` and
    `drifted` are the index's usual limits (Siddiqi 2006). `alpha` is the share of false alarms among all alarms that is
    accepted over the features together (Benjamini and Hochberg 1995).
    """

    minimum: int = 250
    bins: int = 10
    moved: float = 0.10
    drifted: float = 0.25
    alpha: float = 0.05

    def __post_init__(self) -> None:
        if not (self.minimum >= 2 and self.bins >= 2 and 0 < self.moved <= self.drifted and 0 < self.alpha < 1):
            raise InvalidParameter(
                "a drift rule needs minimum and bins of 2 or more, 0 < moved <= drifted and 0 < alpha < 1"
            )


@dataclass(frozen=True, slots=True)
class Drift:
    """One feature: `psi` (index), `ks` (largest distance of the two distributions), `p_value` of that distance, and
    `q_value`, the p-value adjusted for all features that were judged. The four are None where there were too few."""

    feature: str
    reference_count: int
    current_count: int
    shift: Shift
    psi: float | None = None
    ks: float | None = None
    p_value: float | None = None
    q_value: float | None = None


STANDARD_RULE = DriftRule()


def drift(
    reference: Mapping[str, FloatArray], current: Mapping[str, FloatArray], rule: DriftRule = STANDARD_RULE
) -> tuple[Drift, ...]:
    """Each feature of `reference` (arrays (m,)) against the one of that name in `current` ((n,)), by name.

    A shift is only said where it is both significant (q <= alpha) and large (by the index): large samples make any
    difference significant, small ones any index large. NaN policy: refused. Raises DriftInputError for features that
    only one side has, NonFinite, ShapeMismatch.
    """
    if set(reference) != set(current):
        raise DriftInputError(f"only one sample has {sorted(set(reference) ^ set(current))}: compare the same features")
    pairs = {name: (_column(name, reference[name]), _column(name, current[name])) for name in sorted(reference)}
    judged = {name: pair for name, pair in pairs.items() if min(map(len, pair)) >= rule.minimum}
    tests = {name: ks_2samp(*pair, method="asymp") for name, pair in judged.items()}
    q_values = dict(zip(tests, adjusted([float(test.pvalue) for test in tests.values()]), strict=True))
    return tuple(
        _drift(name, pair, rule, (float(tests[name].statistic), float(tests[name].pvalue), q_values[name]))
        if name in judged
        else Drift(name, len(pair[0]), len(pair[1]), Shift.TOO_FEW)
        for name, pair in pairs.items()
    )


def adjusted(p_values: list[float]) -> list[float]:
    """Benjamini-Hochberg adjusted p-values, in the order given: reject those <= alpha."""
    return [float(each) for each in false_discovery_control(p_values)] if p_values else []


def psi(reference: FloatArray, current: FloatArray, *, bins: int = 10) -> float:
    """Population stability index of (m,) against (n,): sum of (q - p) ln(q / p) over bins, at least 0.

    Bins are quantiles of `reference`; where it has no more than `bins` different values each is its own bin, and
    whatever else `current` holds is one more. Raises NonFinite, ShapeMismatch, InvalidParameter for no value.
    """
    old, new = _column("reference", reference), _column("current", current)
    if not len(old) or not len(new):
        raise InvalidParameter("a stability index needs a value on both sides")
    p, q = _shares(_counts(old, old, bins)), _shares(_counts(old, new, bins))
    return float(((q - p) * np.log(q / p)).sum())


def triggers_training(found: tuple[Drift, ...]) -> bool:
    """Whether any feature drifted: reason enough to train again, never to promote."""
    return any(each.shift is Shift.DRIFTED for each in found)


def _drift(name: str, pair: tuple[FloatArray, FloatArray], rule: DriftRule, test: tuple[float, float, float]) -> Drift:
    index, (ks, p_value, q_value) = psi(*pair, bins=rule.bins), test
    shift = Shift.STABLE
    if q_value <= rule.alpha and index >= rule.moved:
        shift = Shift.DRIFTED if index >= rule.drifted else Shift.MOVED
    return Drift(name, len(pair[0]), len(pair[1]), shift, index, ks, p_value, q_value)


def _column(name: str, values: FloatArray) -> FloatArray:
    return finite_matrix(name, np.asarray(values, dtype=np.float64)[:, None])[:, 0]


def _counts(old: FloatArray, values: FloatArray, bins: int) -> FloatArray:
    known = np.unique(old)
    if len(known) <= bins:
        places = np.searchsorted(known, values).clip(max=len(known) - 1)
        places = np.where(known[places] == values, places, len(known))
        return np.bincount(places, minlength=len(known) + 1).astype(np.float64)
    edges = np.unique(np.quantile(old, np.arange(1, bins) / bins))
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1).astype(np.float64)


def _shares(counts: FloatArray) -> FloatArray:
    filled = np.maximum(counts, EMPTY_BIN)
    shares: FloatArray = filled / filled.sum()
    return shares


def as_metrics(found: tuple[Drift, ...]) -> dict[str, float]:
    """The numbers as metrics of an MLflow run; features that were not judged are left out."""
    return dict(
        chain.from_iterable(
            ((f"drift_{name}_{each.feature}", value) for name, value in numbers.items() if value is not None)
            for each in found
            for numbers in ({"psi": each.psi, "ks": each.ks, "q": each.q_value},)
        )
    )
