"""Calibration against hand-computed values and scikit-learn."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, mean_pinball_loss

from lakehouse.risk.checks import InvalidParameter, NonFinite, ShapeMismatch
from ml.evaluation.calibration import (
    as_metrics,
    brier,
    expected_calibration_error,
    quantile_coverage,
    reliability_table,
)
from ml.training.quality import of_coverage

SAID = np.array([0.1, 0.1, 0.1, 0.1, 0.8, 0.8])
HAPPENED = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 0.0])


def test_murphys_terms_by_hand() -> None:
    found = brier(SAID, HAPPENED)
    assert found.score == pytest.approx((3 * 0.01 + 0.81 + 0.04 + 0.64) / 6)
    assert found.reliability == pytest.approx((4 * 0.15**2 + 2 * 0.3**2) / 6)
    assert found.uncertainty == pytest.approx((2 / 6) * (4 / 6))
    assert found.resolution == pytest.approx((4 * (0.25 - 1 / 3) ** 2 + 2 * (0.5 - 1 / 3) ** 2) / 6)
    assert expected_calibration_error(SAID, HAPPENED) == pytest.approx((4 * 0.15 + 2 * 0.3) / 6)


def test_the_table_is_scikit_learns() -> None:
    random = np.random.default_rng(11)
    said = random.uniform(size=500)
    happened = (random.uniform(size=500) < said**2).astype(float)
    frequency, forecast = calibration_curve(happened, said, n_bins=10)
    found = reliability_table(said, happened)
    assert [each.frequency for each in found] == pytest.approx(list(frequency))
    assert [each.forecast for each in found] == pytest.approx(list(forecast))
    assert brier(said, happened).score == pytest.approx(brier_score_loss(happened, said))


def test_certainty_lies_in_the_last_bin() -> None:
    (last,) = reliability_table(np.ones(3), np.array([1.0, 1.0, 0.0]))
    assert (last.lower, last.upper, last.count) == (0.9, 1.0, 3)


def test_quantiles_that_cover_and_one_that_does_not() -> None:
    observed = np.arange(1000) / 1000
    quantiles = np.tile([0.0995, 0.7], (1000, 1))
    low, high = quantile_coverage(observed, quantiles, (0.1, 0.9))
    assert (low.observed, low.count) == (0.1, 1000)
    assert low.p_value == pytest.approx(1)
    assert high.observed == pytest.approx(0.701)
    assert high.p_value < 1e-10
    assert high.pinball == pytest.approx(mean_pinball_loss(observed, quantiles[:, 1], alpha=0.9))


def test_coverage_is_told_with_a_p_value_only_where_outcomes_are_independent() -> None:
    found = quantile_coverage(np.arange(100.0), np.tile([4.5, 89.5], (100, 1)), (0.05, 0.9))
    assert as_metrics(found) == {"covered_05": 0.05, "covered_90": 0.9}
    told = list(of_coverage(found, independent=True))
    assert [(each.subject, each.metric, each.value) for each in told[:2]] == [
        ("quantile 0.05", "observed", 0.05),
        ("quantile 0.05", "p_value", pytest.approx(1)),
    ]
    assert {each.metric for each in of_coverage(found, independent=False)} == {"observed"}


def test_what_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"\[0, 1\]"):
        brier(np.array([1.2]), np.array([1.0]))
    with pytest.raises(NonFinite):
        brier(np.array([np.nan]), np.array([1.0]))
    with pytest.raises(ShapeMismatch):
        reliability_table(np.zeros(2), np.zeros(3))
    with pytest.raises(InvalidParameter, match="cross"):
        quantile_coverage(np.zeros(1), np.array([[1.0, 0.0]]), (0.1, 0.9))
    with pytest.raises(InvalidParameter, match="ascend"):
        quantile_coverage(np.zeros(1), np.zeros((1, 2)), (0.9, 0.1))
