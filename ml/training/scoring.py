"""What the trainings of checks have in common: variants fitted on the past, calibrated on what came next, and measured
on what came after that, beside the rules that they would take the place of."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lakehouse.errors import TidemarkError
from lakehouse.risk.checks import FloatArray
from ml.evaluation.calibration import brier, expected_calibration_error
from ml.inference.scorer import Kind, Raw, Scale, linear, raw_of

CALIBRATED_BY: Final = 0.25
"""Share of the days before a test, the last ones, that calibrate what the others have fitted."""
PREFERRED_WITHIN: Final = 0.01
"""A cheaper variant is taken where its average precision is no further below the best."""
CHEAPEST_FIRST: Final = (Kind.LINEAR, Kind.BOOSTED, Kind.FOREST)
"""One case takes microseconds, a third of a millisecond, and eight."""
TREES: Final = 150
FOREST_TREES: Final = 100
FLAT: Final = 1e-6


class TooFewCases(TidemarkError):
    """A history without cases of both kinds where the training needs them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """(n,) cases by time: `rows` (n, F) features, `labels` 1 for what is looked for, `days`, `stakes` what each case is
    worth in the payoff's unit, and `rules`, the first version's score."""

    rows: FloatArray
    labels: FloatArray
    days: npt.NDArray[np.datetime64]
    stakes: FloatArray
    rules: FloatArray

    def at(self, chosen: npt.NDArray[np.bool_]) -> "Sample":
        """The cases where `chosen`."""
        kept = (self.rows[chosen], self.labels[chosen], self.days[chosen], self.stakes[chosen], self.rules[chosen])
        return Sample(*kept)


@dataclass(frozen=True, slots=True)
class Case:
    """One row of a Sample."""

    features: FloatArray
    label: bool
    at: datetime
    stake: float
    rules: float


def sample_of(cases: Iterable[Case]) -> Sample:
    """The cases by time."""
    ordered = sorted(cases, key=lambda case: case.at)
    return Sample(
        np.array([case.features for case in ordered]),
        np.array([case.label for case in ordered], dtype=np.float64),
        np.array([case.at.date() for case in ordered], dtype="datetime64[D]"),
        np.array([case.stake for case in ordered], dtype=np.float64),
        np.array([case.rules for case in ordered], dtype=np.float64),
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """`folds` test windows of equal length over the last half of the days; labels are known `embargo_days` late, so
    these days before a test are not learned from. `review_rate` is the share of cases that people can look at."""

    folds: int = 4
    embargo_days: int = 30
    review_rate: float = 0.01
    review_cost: float = 0.02


@dataclass(frozen=True, slots=True)
class Fitted:
    """A variant with its calibration. `probabilities` maps (n, F) rows to (n,)."""

    kind: Kind
    estimator: Any
    slope: float
    intercept: float

    @property
    def raw(self) -> Raw:
        return raw_of(self.kind, self.estimator)

    def probabilities(self, rows: FloatArray) -> FloatArray:
        """See Scale."""
        return Scale(self.slope, self.intercept, ((0, 0), (1, 1))).probabilities(self.raw(rows))


def fit(kind: Kind, sample: Sample, *, seed: int) -> Fitted:
    """Fit on the first days and calibrate on the last of `sample`. Raises TooFewCases where either has one kind."""
    days = np.unique(sample.days)
    cut = days[int(len(days) * (1 - CALIBRATED_BY))]
    earlier, later = sample.at(sample.days < cut), sample.at(sample.days >= cut)
    for each in (earlier, later):
        if len(np.unique(each.labels)) < 2:
            raise TooFewCases(f"{len(each.labels)} cases around {cut} are all of one kind: generate a longer history")
    estimator = _estimator(kind, seed)
    estimator.fit(earlier.rows, earlier.labels)
    slope, intercept = platt(raw_of(kind, estimator)(later.rows), later.labels)
    return Fitted(kind, estimator, slope, intercept)


def platt(raw: FloatArray, labels: FloatArray) -> tuple[float, float]:
    """Slope and intercept of the logistic curve through (n,) outputs and labels; the slope is positive, so that order
    stays. Raises TooFewCases where outputs say nothing."""
    from sklearn.linear_model import LogisticRegression

    centre, spread = float(raw.mean()), float(raw.std())
    if spread < FLAT:
        raise TooFewCases("the model says the same of every case: there is nothing to calibrate")
    found = LogisticRegression(C=1e3).fit(((raw - centre) / spread)[:, None], labels)
    slope = max(FLAT, float(found.coef_[0, 0])) / spread
    return slope, float(found.intercept_[0]) - slope * centre


def linear_terms(fitted: Fitted) -> tuple[FloatArray, float]:
    """Weights (F,) and bias of a LINEAR variant on the features as they are."""
    scaler, logistic = fitted.estimator[0], fitted.estimator[1]
    weights: FloatArray = logistic.coef_[0] / scaler.scale_
    bias = float(logistic.intercept_[0] - weights @ scaler.mean_)
    return weights, bias


def linear_agrees(fitted: Fitted, rows: FloatArray) -> bool:
    """Whether the terms that services compute with say what the estimator says."""
    weights, bias = linear_terms(fitted)
    return bool(np.allclose(linear(weights, bias)(rows), fitted.raw(rows), atol=1e-9))


def windows(sample: Sample, plan: Plan) -> Iterator[tuple[Sample, Sample]]:
    """Walk forward: what was known `embargo_days` before each test window, and the window."""
    days = np.unique(sample.days)
    edges = np.linspace(len(days) // 2, len(days), plan.folds + 1).astype(int)
    for begin, end in pairwise(edges):
        first, last = days[begin], days[end - 1]
        known = sample.days < first - np.timedelta64(plan.embargo_days, "D")
        yield sample.at(known), sample.at((sample.days >= first) & (sample.days <= last))


def walk(sample: Sample, kinds: Sequence[Kind], plan: Plan, *, seed: int) -> tuple[dict[str, float], ...]:
    """The metrics of each variant and of the rules on each window, oldest first, named VARIANT_METRIC.

    Raises TooFewCases.
    """
    found = []
    for known, test in windows(sample, plan):
        numbers = named("rules", ranking(test.labels, test.rules, plan.review_rate))
        for kind in kinds:
            said = fit(kind, known, seed=seed).probabilities(test.rows)
            numbers |= named(kind.value, measures(test.labels, said, plan.review_rate))
        found.append(numbers)
    return tuple(found)


def choose(folds: Sequence[Mapping[str, float]], kinds: Sequence[Kind]) -> Kind:
    """The cheapest variant whose mean average precision is about the best."""
    means = {kind: float(np.mean([fold[f"{kind.value}_average_precision"] for fold in folds])) for kind in kinds}
    return next(
        kind for kind in CHEAPEST_FIRST if kind in means and means[kind] >= max(means.values()) - PREFERRED_WITHIN
    )


def measures(labels: FloatArray, probabilities: FloatArray, review_rate: float) -> dict[str, float]:
    """How well (n,) probabilities rank and what they are worth as probabilities."""
    parts = brier(probabilities, labels)
    return {
        **ranking(labels, probabilities, review_rate),
        "brier": parts.score,
        "brier_skill": 1 - parts.score / parts.uncertainty if parts.uncertainty > 0 else 0.0,
        "calibration_error": expected_calibration_error(probabilities, labels),
    }


def ranking(labels: FloatArray, scores: FloatArray, review_rate: float) -> dict[str, float]:
    """Average precision, and the share found among the `review_rate` of cases with the highest (n,) scores.

    Raises TooFewCases for a window without a case.
    """
    from sklearn.metrics import average_precision_score

    if not labels.any():
        raise TooFewCases("a test window has no case that is looked for: generate more accounts")
    looked_at = np.argsort(-scores, kind="stable")[: max(1, round(review_rate * len(scores)))]
    hits = float(labels[looked_at].sum())
    return {
        "average_precision": float(average_precision_score(labels, scores)),
        "recall_at_review": hits / float(labels.sum()),
        "precision_at_review": hits / len(looked_at),
    }


def threshold(probabilities: FloatArray, rate: float) -> float:
    """The probability that `rate` of (n,) cases reach."""
    return float(np.quantile(probabilities, 1 - rate, method="higher"))


def named(variant: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics under the variant's name."""
    return {f"{variant}_{name}": value for name, value in metrics.items()}


def daily(sample: Sample, probabilities: FloatArray, limit: float, cost: float) -> tuple[FloatArray, FloatArray]:
    """(T,) mean squared error and (T,) payoff of each day: a case at `limit` or above is looked at, for `cost`; what is
    found saves its stake."""
    _, place = np.unique(sample.days, return_inverse=True)
    looked_at = probabilities >= limit
    gains = looked_at * (sample.labels * sample.stakes - cost)
    losses = np.bincount(place, weights=(probabilities - sample.labels) ** 2) / np.bincount(place)
    payoffs = np.bincount(place, weights=gains).astype(np.float64)
    return losses, payoffs


def _estimator(kind: Kind, seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier, IsolationForest
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if kind is Kind.LINEAR:
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    if kind is Kind.FOREST:
        return IsolationForest(n_estimators=FOREST_TREES, random_state=seed, n_jobs=1)
    return GradientBoostingClassifier(
        n_estimators=TREES,
        max_depth=2,
        learning_rate=0.05,
        min_samples_leaf=30,
        subsample=0.7,
        max_features="sqrt",
        random_state=seed,
    )
