"""Features of returns: nothing of a later day, and the scale of a series does not matter."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from lakehouse.risk.checks import InsufficientHistory, NonFinite
from ml.features.returns import LEAST_RETURNS, WINDOW, next_returns, samples

SEEDS = st.integers(0, 2**32 - 1)


def series(seed: int, days: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Returns with heavy tails, now and then exactly zero."""
    generator = np.random.default_rng(seed)
    found = 0.01 * generator.standard_t(3, days)
    found[generator.random(days) < 0.05] = 0.0
    return found


@given(seed=SEEDS, days=st.integers(LEAST_RETURNS, 160), data=st.data())
def test_what_comes_later_changes_nothing(seed: int, days: int, data: st.DataObject) -> None:
    known = series(seed, days)
    cut = data.draw(st.integers(LEAST_RETURNS, days))
    changed = known.copy()
    changed[cut:] = series(seed + 1, days)[cut:] * 5
    ours, theirs = samples(known), samples(changed)
    seen = ours.places < cut
    assert np.array_equal(ours.inputs[seen], theirs.inputs[seen])
    assert np.array_equal(ours.scale[seen], theirs.scale[seen])
    alone = samples(known[:cut])
    assert np.array_equal(ours.inputs[seen], alone.inputs)


@given(seed=SEEDS, factor=st.floats(0.1, 10))
def test_only_the_scale_scales(seed: int, factor: float) -> None:
    known = series(seed, 120)
    ours, scaled = samples(known), samples(known * factor)
    assert np.allclose(ours.inputs, scaled.inputs, rtol=1e-9, atol=1e-9)
    assert np.allclose(ours.scale * factor, scaled.scale)


def test_a_sample_is_followed_by_the_next_day() -> None:
    known = series(1, 100)
    made = samples(known)
    following = next_returns(known, made)
    assert made.inputs.shape == (100 - LEAST_RETURNS + 1, WINDOW, 3)
    assert following[0] == known[LEAST_RETURNS]
    assert np.isnan(following[-1])
    assert np.isfinite(following[:-1]).all()


def test_the_last_surprise_is_the_return_over_the_volatility_of_the_evening_before() -> None:
    known = np.full(LEAST_RETURNS, 0.01)
    known[-1] = 0.03
    made = samples(known)
    assert made.inputs[-1, -1] == pytest.approx([3.0, 3.0, 0.5 * np.log((0.94 + 0.06 * 9) / (0.99 + 0.01 * 9))])
    assert made.scale[-1] == pytest.approx(0.01 * np.sqrt(0.94 + 0.06 * 9))


def test_a_short_or_broken_series_is_refused() -> None:
    with pytest.raises(InsufficientHistory):
        samples(series(1, LEAST_RETURNS - 1))
    broken = series(1, LEAST_RETURNS)
    broken[3] = np.nan
    with pytest.raises(NonFinite):
        samples(broken)
