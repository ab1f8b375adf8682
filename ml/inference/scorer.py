"""Scores of a trained check: probabilities of a classifier, calibrated, and mapped to the scale of the answers.

Linear models are computed from the numbers in their document, without scikit-learn: a weighted sum takes microseconds
and no import. Trees are loaded by `ml.inference.estimators`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np

from lakehouse.risk.checks import FloatArray, InvalidParameter
from ml.checks.learned import Learned
from ml.inference.models import Loaded, UnusableModelError

Raw = Callable[[FloatArray], FloatArray]
LEAST_SLOPE: Final = 0.0


class Kind(StrEnum):
    """The forms that a check's model has."""

    LINEAR = "logistic_regression"
    BOOSTED = "gradient_boosting"
    FOREST = "isolation_forest"


@dataclass(frozen=True, slots=True)
class Scale:
    """How raw outputs become probabilities and scores.

    A probability is 1 / (1 + exp(-(slope raw + intercept))) (Platt 1999), with a positive `slope`. `anchors` are
    (probability, score) from (0, 0) to (1, 1), both ascending; scores between are interpolated.
    """

    slope: float
    intercept: float
    anchors: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        table = np.asarray(self.anchors, dtype=np.float64)
        if not (np.isfinite([self.slope, self.intercept]).all() and self.slope > LEAST_SLOPE):
            raise InvalidParameter("a scale needs a positive slope and finite numbers")
        if table.ndim != 2 or table.shape[1] != 2 or not (np.diff(table, axis=0) > 0).all():
            raise InvalidParameter("anchors are pairs of probability and score, both ascending")
        if table[0].tolist() != [0, 0] or table[-1].tolist() != [1, 1]:
            raise InvalidParameter("anchors go from (0, 0) to (1, 1)")

    def probabilities(self, raw: FloatArray) -> FloatArray:
        """(n,) calibrated probabilities of (n,) raw outputs."""
        found: FloatArray = 0.5 * (1 + np.tanh(0.5 * (self.slope * raw + self.intercept)))
        return found

    def scores(self, probabilities: FloatArray) -> FloatArray:
        """(n,) scores of (n,) probabilities."""
        table = np.asarray(self.anchors)
        found: FloatArray = np.interp(probabilities, table[:, 0], table[:, 1])
        return found


@dataclass(frozen=True, slots=True)
class Scorer:
    """A model in use. `raw` maps (n, F) features to (n,) outputs; `weights` (F,) are those of a linear model."""

    source: str
    kind: Kind
    scale: Scale
    raw: Raw
    weights: FloatArray | None = None

    def probabilities(self, rows: FloatArray) -> FloatArray:
        """(n,) calibrated probabilities of (n, F) rows."""
        return self.scale.probabilities(self.raw(rows))

    def one(self, features: FloatArray) -> Learned:
        """The case with (F,) features. Pure; microseconds for a linear model, below a millisecond for trees."""
        probability = self.probabilities(features[None, :])
        return Learned(float(probability[0]), float(self.scale.scores(probability)[0]), self.source)


def linear(weights: FloatArray, bias: float) -> Raw:
    """(n, F) -> (n,) weighted sums."""
    return lambda rows: np.asarray(rows @ weights + bias, dtype=np.float64)


def raw_of(kind: Kind, estimator: Any) -> Raw:
    """The output of a fitted scikit-learn estimator that rises with what is looked for."""
    if kind is Kind.FOREST:
        return lambda rows: -np.asarray(estimator.score_samples(rows), dtype=np.float64)
    return lambda rows: np.asarray(estimator.decision_function(rows), dtype=np.float64)


def load_scorer(loaded: Loaded, features: Sequence[str]) -> Scorer:
    """The scorer of a registered model. Raises UnusableModelError for one of other features, or no such model."""
    told = loaded.document
    try:
        if tuple(told["features"]) != tuple(features):
            raise InvalidParameter(f"it knows {', '.join(told['features'])}: train it again with this code's features")
        kind = Kind(told["kind"])
        scale = scale_of(told["scale"])
        source = f"{loaded.name}@{loaded.version}"
        if kind is Kind.LINEAR:
            weights = np.asarray(told["weights"], dtype=np.float64)
            if weights.shape != (len(features),) or not np.isfinite([*weights, told["bias"]]).all():
                raise InvalidParameter("its weights are not one finite number a feature")
            return Scorer(source, kind, scale, linear(weights, float(told["bias"])), weights)
    except (KeyError, TypeError, ValueError, InvalidParameter) as error:
        raise UnusableModelError(f"{loaded.name} version {loaded.version} cannot be used: {error}") from error
    # Here, because trees need scikit-learn, which takes seconds and memory that linear models do not.
    from ml.inference.estimators import load_estimator

    return Scorer(source, kind, scale, raw_of(kind, load_estimator(loaded)))


def scale_of(told: Mapping[str, Any]) -> Scale:
    """The scale of a document. Raises KeyError, TypeError, ValueError, InvalidParameter."""
    anchors = tuple((float(probability), float(score)) for probability, score in told["anchors"])
    return Scale(float(told["slope"]), float(told["intercept"]), anchors)
