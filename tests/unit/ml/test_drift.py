"""Drift against values that were published or can be recomputed by hand."""

import math

import numpy as np
import pytest

from lakehouse.risk.checks import InvalidParameter, NonFinite
from ml.evaluation.drift import DriftInputError, DriftRule, Shift, adjusted, as_metrics, drift, psi, triggers_training

# Benjamini and Hochberg (1995), J. R. Statist. Soc. B 57, section 3.2: 15 p-values of a study of thrombolysis.
PUBLISHED = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0
]  # fmt: skip


def test_benjamini_and_hochbergs_example_rejects_four() -> None:
    found = adjusted(PUBLISHED)
    assert [each <= 0.05 for each in found] == [True] * 4 + [False] * 11
    assert found[3] == pytest.approx(0.0095 * 15 / 4)
    assert adjusted([]) == []


def test_psi_of_two_bins_by_hand() -> None:
    old, new = np.repeat([0.0, 1.0], [60, 40]), np.repeat([0.0, 1.0], [40, 60])
    # The third bin, for values that the reference does not hold, is empty on both sides and weighs the same.
    whole = 100.5
    by_hand = 2 * (60 - 40) / whole * math.log(60 / 40)
    assert psi(old, new) == pytest.approx(by_hand, rel=1e-12)
    assert psi(old, old) == 0


def test_a_value_that_was_never_seen_counts() -> None:
    assert psi(np.zeros(500), np.full(500, 0.5)) > 1


def test_a_shift_is_found_among_features_that_stayed() -> None:
    random = np.random.default_rng(7)
    reference = {name: random.normal(size=2000) for name in "abcd"}
    current = {name: random.normal(size=1500) for name in "abcd"} | {"c": random.normal(0.7, 1, 1500)}
    found = drift(reference, current)
    assert {each.feature: each.shift for each in found} == {
        "a": Shift.STABLE, "b": Shift.STABLE, "c": Shift.DRIFTED, "d": Shift.STABLE
    }  # fmt: skip
    assert triggers_training(found)
    assert as_metrics(found)["drift_psi_c"] > 0.25


def test_a_small_shift_in_a_large_sample_is_significant_and_yet_stable() -> None:
    random = np.random.default_rng(3)
    (found,) = drift({"a": random.normal(size=40_000)}, {"a": random.normal(0.05, 1, 40_000)})
    assert found.q_value is not None
    assert found.q_value < 1e-6
    assert found.shift is Shift.STABLE


def test_too_few_values_are_no_all_clear() -> None:
    (found,) = drift({"a": np.zeros(1000)}, {"a": np.ones(249)})
    assert (found.shift, found.psi, found.reference_count, found.current_count) == (Shift.TOO_FEW, None, 1000, 249)
    assert not triggers_training((found,))
    assert as_metrics((found,)) == {}


def test_what_is_refused() -> None:
    with pytest.raises(DriftInputError, match="only one sample"):
        drift({"a": np.zeros(3)}, {"b": np.zeros(3)})
    with pytest.raises(NonFinite):
        drift({"a": np.array([np.nan])}, {"a": np.zeros(1)})
    with pytest.raises(InvalidParameter):
        psi(np.zeros(0), np.zeros(1))
    with pytest.raises(InvalidParameter):
        DriftRule(moved=0.3)
