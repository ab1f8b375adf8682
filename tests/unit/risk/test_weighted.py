"""Age-weighted historical simulation against its paper's example, and the plain method as its limit."""

from typing import Any

import numpy as np
import pytest

from lakehouse.risk import (
    InsufficientHistory,
    InvalidParameter,
    Quantile,
    Windows,
    age_weighted_es,
    age_weighted_var,
    historical_es,
    historical_var,
    horizon_sums,
)
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.weighted import age_weights

# Boudoukh, Richardson and Whitelaw (1998), table 1: the six lowest of 100 returns in per cent, periods ago, and the
# hybrid weights at a decay of 0.98, whose sum passes 5 % with the third.
LOWEST = {3: (-3.30, 0.0221), 2: (-2.90, 0.0226), 65: (-2.70, 0.0063), 45: (-2.50, 0.0095), 5: (-2.40, 0.0213),
          30: (-2.30, 0.0128)}  # fmt: skip


def hybrid_example() -> FloatArray:
    returns = np.linspace(0.0, 2.0, 100)
    for ago, (value, _) in LOWEST.items():
        returns[-ago] = value
    return returns[:, None]


def pnl(days: int = 250, portfolios: int = 3) -> FloatArray:
    return np.random.default_rng(5).standard_normal((days, portfolios)) * 1e4


def test_the_papers_weights_and_quantile() -> None:
    weights = age_weights(100, 0.98)
    for ago, (_, weight) in LOWEST.items():
        assert weights[-ago] == pytest.approx(weight, abs=5e-5)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert age_weighted_var(hybrid_example(), confidence=0.95, decay=0.98)[0] == 2.70
    # Equal weights: the fifth and sixth lowest of 100.
    assert historical_var(hybrid_example(), confidence=0.95)[0] == 2.30
    assert historical_var(hybrid_example(), confidence=0.95, quantile=Quantile.HIGHER)[0] == 2.40


def test_the_papers_tail_mean_by_hand() -> None:
    weights = age_weights(100, 0.98)
    whole = weights[-3] * 3.30 + weights[-2] * 2.90
    rest = 0.05 - weights[-3] - weights[-2]
    found = age_weighted_es(hybrid_example(), confidence=0.95, decay=0.98)[0]
    assert found == pytest.approx((whole + rest * 2.70) / 0.05, rel=1e-12)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99, 0.996])
@pytest.mark.parametrize("quantile", [Quantile.LOWER, Quantile.HIGHER])
@pytest.mark.parametrize("windows", list(Windows))
@pytest.mark.parametrize("horizon_days", [1, 2])
def test_equal_weights_are_the_plain_method(
    confidence: float, quantile: Quantile, windows: Windows, horizon_days: int
) -> None:
    history = pnl(2 * 250, 3)
    chosen: dict[str, Any] = {"confidence": confidence, "horizon_days": horizon_days, "windows": windows}
    weighted = age_weighted_var(history, decay=1.0, quantile=quantile, **chosen)
    assert weighted.tobytes() == historical_var(history, quantile=quantile, **chosen).tobytes()
    tail = age_weighted_es(history, decay=1.0, **chosen)
    np.testing.assert_allclose(tail, historical_es(history, **chosen), rtol=1e-12)


def test_a_recent_loss_counts_for_more_than_an_old_one() -> None:
    calm = np.full((250, 1), 1.0)
    recent, old = calm.copy(), calm.copy()
    recent[-5:], old[:5] = -100.0, -100.0
    assert age_weighted_var(recent, confidence=0.95, decay=0.97)[0] == 100.0
    assert age_weighted_var(old, confidence=0.95, decay=0.97)[0] == -1.0


def test_what_is_refused() -> None:
    for decay in (0.0, 1.01, float("nan")):
        with pytest.raises(InvalidParameter, match="decay"):
            age_weighted_var(pnl(), confidence=0.95, decay=decay)
    with pytest.raises(InvalidParameter, match="no weighted form"):
        age_weighted_var(pnl(), confidence=0.95, quantile=Quantile.LINEAR)
    with pytest.raises(InsufficientHistory):
        age_weighted_es(pnl(99), confidence=0.99)


def test_windows_that_do_not_overlap_end_on_the_newest_day() -> None:
    daily = np.arange(1.0, 12.0)[:, None]
    np.testing.assert_array_equal(
        horizon_sums(daily, horizon_days=4, windows=Windows.NON_OVERLAPPING)[:, 0], [4 + 5 + 6 + 7, 8 + 9 + 10 + 11]
    )
    assert len(horizon_sums(daily, horizon_days=4)) == 8
    np.testing.assert_array_equal(horizon_sums(daily, horizon_days=1, windows=Windows.NON_OVERLAPPING), daily)
