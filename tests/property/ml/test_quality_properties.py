"""What drift and calibration promise of any sample."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from lakehouse.risk.checks import FloatArray
from ml.evaluation.calibration import brier, expected_calibration_error, reliability_table
from ml.evaluation.drift import DriftRule, Shift, adjusted, drift, psi

SAMPLES = arrays(np.float64, st.integers(2, 60), elements=st.floats(-1e6, 1e6).map(lambda each: round(each, 3)))
SAID = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


def split(said: list[tuple[float, bool]]) -> tuple[FloatArray, FloatArray]:
    return np.array([each[0] for each in said]), np.array([float(each[1]) for each in said])


@given(SAMPLES, SAMPLES)
def test_psi_is_never_negative_and_knows_no_order(old: FloatArray, new: FloatArray) -> None:
    assert psi(old, new) >= 0
    assert psi(old[::-1], np.sort(new)) == pytest.approx(psi(old, new), abs=1e-12)
    assert psi(old, old) == 0


@given(SAMPLES)
def test_a_sample_never_drifts_from_itself(values: FloatArray) -> None:
    (found,) = drift({"a": values}, {"a": values}, DriftRule(minimum=2))
    assert found.shift is Shift.STABLE
    assert (found.psi, found.ks) == (0, 0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_an_adjusted_p_value_is_never_below_its_own_and_keeps_the_order(p_values: list[float]) -> None:
    found = adjusted(p_values)
    assert all(q >= p - 1e-12 for q, p in zip(found, p_values, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(found)[order]) >= -1e-12).all()


@given(SAID, st.integers(1, 20))
def test_a_brier_score_is_the_sum_of_its_parts(said: list[tuple[float, bool]], bins: int) -> None:
    probabilities, outcomes = split(said)
    found = brier(probabilities, outcomes, bins=bins)
    assert found.score == pytest.approx(found.reliability - found.resolution + found.uncertainty, abs=1e-12)
    assert min(found.score, found.reliability, found.uncertainty) >= 0
    table = reliability_table(probabilities, outcomes, bins=bins)
    assert sum(each.count for each in table) == len(said)
    assert 0 <= expected_calibration_error(probabilities, outcomes, bins=bins) <= 1


@given(SAID)
def test_saying_the_base_rate_is_calibrated(said: list[tuple[float, bool]]) -> None:
    _, outcomes = split(said)
    found = brier(np.full(len(said), outcomes.mean()), outcomes)
    assert found.reliability == pytest.approx(0, abs=1e-12)
    assert found.score == pytest.approx(found.uncertainty, abs=1e-12)
