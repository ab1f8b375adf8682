"""Rolling forecasts against a naive loop, breaches by hand, and Kupiec's published table."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lakehouse.risk import (
    Conventions,
    InsufficientHistory,
    InvalidParameter,
    Method,
    NonFinite,
    Quantile,
    ShapeMismatch,
    compare,
    cornish_fisher_var,
    estimate,
    historical_var,
    kupiec_pof,
    parametric_normal_var,
    rolling_es,
    rolling_var,
)
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.var_backtest import rolling_levels

NAIVE: list[tuple[Method, Callable[..., FloatArray], dict[str, Any]]] = [
    (Method.HISTORICAL, historical_var, {"quantile": Quantile.LOWER}),
    (Method.HISTORICAL, historical_var, {"quantile": Quantile.LINEAR}),
    (Method.PARAMETRIC_NORMAL, parametric_normal_var, {"ddof": 1}),
    (Method.PARAMETRIC_NORMAL, parametric_normal_var, {"ddof": 0}),
    (Method.CORNISH_FISHER, cornish_fisher_var, {"ddof": 1}),
]


@pytest.mark.parametrize(("method", "measure", "chosen"), NAIVE)
def test_rolling_equals_the_naive_loop_to_the_bit(
    method: Method, measure: Callable[..., FloatArray], chosen: dict[str, Any]
) -> None:
    pnl = np.random.default_rng(4).standard_t(6, (420, 3)) * 1e5
    forecasts = rolling_var(
        method, pnl, confidence=0.99, window=120, backtest_days=60, conventions=Conventions(**chosen)
    )
    naive = np.array([measure(pnl[day - 120 : day], confidence=0.99, **chosen) for day in range(360, 420)])
    np.testing.assert_array_equal(forecasts, naive)


def test_blocks_of_days_join_without_a_seam() -> None:
    pnl = np.random.default_rng(9).standard_normal((2400, 2))
    forecasts = rolling_var(Method.HISTORICAL, pnl, confidence=0.95, window=100, backtest_days=2300)
    for day in (100, 1409, 1410, 1411, 2399):
        np.testing.assert_array_equal(forecasts[day - 100], historical_var(pnl[day - 100 : day], confidence=0.95))


@pytest.mark.parametrize(
    "method",
    [
        Method.HISTORICAL,
        Method.AGE_WEIGHTED,
        Method.PARAMETRIC_NORMAL,
        Method.STUDENT_T,
        Method.CORNISH_FISHER,
    ],
)
def test_several_levels_at_once_are_the_same_bytes_as_one_by_one(method: Method) -> None:
    pnl = np.random.default_rng(8).standard_t(5, (420, 2)) * 1e5
    chosen: dict[str, Any] = {"window": 300, "backtest_days": 120}
    levels = (0.95, 0.99)
    found = rolling_levels(method, pnl, levels=levels, **chosen)
    for level, (var, shortfall) in zip(levels, found, strict=True):
        assert var.tobytes() == rolling_var(method, pnl, confidence=level, **chosen).tobytes()
        assert shortfall.tobytes() == rolling_es(method, pnl, confidence=level, **chosen).tobytes()


def test_a_forecast_never_sees_its_own_day() -> None:
    pnl = np.random.default_rng(1).standard_normal((400, 2))
    changed = pnl.copy()
    changed[-1] = -1e9
    for method in (Method.HISTORICAL, Method.PARAMETRIC_NORMAL, Method.CORNISH_FISHER):
        before, after = (
            rolling_var(method, series, confidence=0.99, window=300, backtest_days=100) for series in (pnl, changed)
        )
        np.testing.assert_array_equal(before, after)


def test_absent_forecasts_are_no_breach_and_not_counted() -> None:
    pnl = np.random.default_rng(12).standard_t(8, (320, 1))
    pnl[5] = 1e4  # one gain in 300 quiet days: out of Cornish-Fisher's domain while the window holds it
    forecasts = rolling_var(Method.CORNISH_FISHER, pnl, confidence=0.99, window=300, backtest_days=20)
    result = compare(forecasts, pnl[-20:])
    assert np.isnan(forecasts[:6]).all()
    assert np.isfinite(forecasts[6:]).all()
    assert result.forecasts.tolist() == [14]
    assert not result.breach[:6].any()


def test_compare_by_hand() -> None:
    result = compare([[10.0, 5.0], [10.0, np.nan]], [[-10.0, -5.01], [-10.5, -99.0]])
    assert result.breach.tolist() == [[False, True], [True, False]]
    assert result.breaches.tolist() == [1, 1]
    assert result.forecasts.tolist() == [2, 1]
    with pytest.raises(ShapeMismatch):
        compare([[1.0]], [[1.0, 2.0]])
    with pytest.raises(NonFinite):
        compare([[1.0]], [[np.nan]])


def test_short_histories_and_wrong_calls_are_refused() -> None:
    pnl = np.zeros((349, 1))
    with pytest.raises(InsufficientHistory) as short:
        rolling_var(Method.HISTORICAL, pnl, confidence=0.99, window=250, backtest_days=100)
    assert (short.value.observations, short.value.required) == (349, 350)
    with pytest.raises(InsufficientHistory):
        rolling_var(Method.HISTORICAL, pnl, confidence=0.99, window=99, backtest_days=10)
    with pytest.raises(InvalidParameter, match="rolling_holdings"):
        rolling_var(Method.MONTE_CARLO_NORMAL, pnl, confidence=0.99, window=250, backtest_days=10)
    with pytest.raises(InvalidParameter, match="one day"):
        rolling_var(
            Method.HISTORICAL,
            pnl,
            confidence=0.99,
            window=250,
            backtest_days=10,
            conventions=Conventions(horizon_days=10),
        )
    with pytest.raises(InvalidParameter):
        rolling_var(Method.HISTORICAL, pnl, confidence=0.99, window=250, backtest_days=0)


# Kupiec (1995), table of non-rejection regions at 95 % confidence: failures that do not reject, by p and days.
@pytest.mark.parametrize(
    ("confidence", "days", "fewest", "most"),
    [
        ("0.99", 255, 1, 6), ("0.99", 510, 2, 10), ("0.99", 1000, 5, 16),
        ("0.975", 255, 3, 11), ("0.975", 510, 7, 20), ("0.975", 1000, 16, 35),
        ("0.95", 255, 7, 20), ("0.95", 510, 17, 35), ("0.95", 1000, 38, 64),
        ("0.925", 255, 12, 27), ("0.925", 510, 28, 50), ("0.925", 1000, 60, 91),
        ("0.90", 255, 17, 35), ("0.90", 510, 39, 64), ("0.90", 1000, 82, 119),
    ],
)  # fmt: skip
def test_kupiec_against_the_published_regions(confidence: str, days: int, fewest: int, most: int) -> None:
    failures = np.arange(0, 200)
    accepted = failures[kupiec_pof(failures, np.full(200, days), confidence=float(confidence)).p_value > 0.05]
    assert (accepted.min(), accepted.max()) == (fewest, most)


def test_kupiec_at_its_edges() -> None:
    found = kupiec_pof([0, 250, 5], [250, 250, 500], confidence=0.99)
    assert found.statistic[0] == pytest.approx(-2 * 250 * np.log(0.99))
    assert found.statistic[1] == pytest.approx(-2 * 250 * np.log(0.01))
    assert found.statistic[2] == 0.0
    assert found.p_value[2] == 1.0
    for breaches, forecasts in ((-1, 10), (11, 10), (0, 0)):
        with pytest.raises(InvalidParameter):
            kupiec_pof([breaches], [forecasts], confidence=0.99)


def test_normal_returns_breach_at_the_promised_rate() -> None:
    pnl = np.random.default_rng(21).standard_normal((750, 200))
    forecasts = rolling_var(Method.PARAMETRIC_NORMAL, pnl, confidence=0.99, window=500, backtest_days=250)
    rate = compare(forecasts, pnl[-250:]).breach.mean()
    assert rate == pytest.approx(0.01, abs=0.0015)
    assert estimate(Method.PARAMETRIC_NORMAL, pnl[:500], confidence=0.99).var.shape == (200,)
