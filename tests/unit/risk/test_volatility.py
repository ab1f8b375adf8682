"""GARCH against arch's documented benchmark, the filter against arch's own, and filtered simulation on both."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from lakehouse.risk import (
    InsufficientHistory,
    InvalidParameter,
    Labels,
    Method,
    Simulation,
    compare,
    estimate,
    historical_var,
    kupiec_pof,
)
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.filtered import filtered_paths, rescaled_pnl
from lakehouse.risk.methods import Conventions
from lakehouse.risk.rolling_filtered import rolling_filtered
from lakehouse.risk.volatility import Garch, filter_volatility, fit_ewma, fit_garch


def clustered(days: int = 1500, portfolios: int = 1, seed: int = 4) -> FloatArray:
    """A GARCH(1,1) path with alpha 0.1 and beta 0.85."""
    rng = np.random.default_rng(seed)
    surprises = rng.standard_normal((days, portfolios))
    pnl, variance = np.empty_like(surprises), np.full(portfolios, 1.0)
    for day in range(days):
        pnl[day] = np.sqrt(variance) * surprises[day]
        variance = 0.05 + 0.1 * pnl[day] ** 2 + 0.85 * variance
    return pnl * 1e4


def test_the_documented_fit_of_the_sp500() -> None:
    # arch's manual, "ARCH Modeling", GARCH(1,1) on daily S&P 500 returns in per cent, 1999 to 2018, data in the wheel:
    # mu 0.0564, omega 0.0175, alpha 0.1022, beta 0.8852. The start-up variance moves only the last digit.
    import arch.data.sp500

    returns = 100 * arch.data.sp500.load()["Adj Close"].pct_change().dropna().to_numpy()[:, None]
    found = fit_garch(returns)
    assert not found.fallback.any()
    assert found.mean[0] == pytest.approx(0.0564, abs=5e-4)
    assert found.omega[0] == pytest.approx(0.0175, abs=5e-4)
    assert found.alpha[0] == pytest.approx(0.1022, abs=1e-3)
    assert found.beta[0] == pytest.approx(0.8852, abs=1e-3)


def test_the_filter_is_archs() -> None:
    from arch import arch_model

    pnl = clustered()
    standard = (pnl[:, 0] - pnl.mean()) / pnl.std()
    reference = arch_model(standard, mean="Constant", rescale=False).fit(disp="off", backcast=1.0)
    found = filter_volatility(pnl, fit_garch(pnl))
    np.testing.assert_allclose(found[1:-1, 0] / pnl.std(), reference.conditional_volatility[1:], rtol=1e-3)
    ahead = float(reference.forecast(horizon=1).variance.to_numpy()[-1, 0])
    assert found[-1, 0] / pnl.std() == pytest.approx(np.sqrt(ahead), rel=1e-3)


def test_ewma_is_its_recursion() -> None:
    # RiskMetrics Technical Document (1996), 5.2: variance(t+1) = 0.94 variance(t) + 0.06 return(t)^2.
    pnl = clustered(30)
    model = fit_ewma(pnl, decay=0.94)
    found = filter_volatility(pnl, model)[:, 0] ** 2
    residual = pnl[:, 0] - pnl.mean()
    expected = [float((residual**2).mean())]
    for each in residual:
        expected.append(0.94 * expected[-1] + 0.06 * each**2)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_series_that_cannot_be_fitted_falls_back_and_is_named() -> None:
    pnl = np.hstack([clustered(300), np.full((300, 1), 7.0)])
    model = fit_garch(pnl)
    assert model.fallback.tolist() == [False, True]
    found = estimate(Method.FILTERED_HISTORICAL, pnl, confidence=0.95)
    assert "ewma=0.94 in 1 columns: 1" in found.convention
    assert found.var[1] == found.es[1] == -7.0


def test_constant_volatility_is_plain_history_bit_for_bit() -> None:
    pnl = clustered(300, 3)
    flat = np.full(3, 2.0)
    model = Garch(pnl.mean(axis=0), flat, 0 * flat, 0 * flat, flat, np.zeros(3, dtype=np.bool_))
    assert rescaled_pnl(pnl, model).tobytes() == pnl.tobytes()


def test_after_a_storm_it_is_above_plain_history_and_after_calm_below() -> None:
    pnl = np.random.default_rng(6).standard_normal((600, 1))
    storm, calm = pnl.copy(), pnl.copy()
    storm[-60:] *= 4
    calm[:60] *= 4
    for series, above in ((storm, True), (calm, False)):
        found = historical_var(rescaled_pnl(series, fit_garch(series)), confidence=0.99)[0]
        assert bool(found > historical_var(series, confidence=0.99)[0]) is above


def test_paths_start_like_one_day_and_are_the_same_bytes_in_any_company() -> None:
    pnl = clustered(400, 3)
    model = fit_garch(pnl)
    simulation = Simulation(seed=3, scenarios=20_000, block_rows=1000)
    one = filtered_paths(pnl, model, horizon_days=1, simulation=simulation)
    exact = historical_var(rescaled_pnl(pnl, model), confidence=0.95)
    np.testing.assert_allclose(historical_var(one, confidence=0.95), exact, rtol=0.05)
    small = Simulation(seed=3, scenarios=2500, block_rows=1000)
    alone = filtered_paths(pnl[:, [1]], fit_garch(pnl[:, [1]]), horizon_days=5, simulation=small)
    together = filtered_paths(pnl, model, horizon_days=5, simulation=small)
    assert alone[:, 0].tobytes() == together[:, 1].tobytes()


def test_a_window_that_moves_on_keeps_its_paths() -> None:
    pnl = np.arange(1.0, 302.0)[:, None]
    still = np.full(1, 4.0)
    model = Garch(0 * still, still, 0 * still, 0 * still, still, np.zeros(1, dtype=np.bool_))
    days = tuple(730_000 + day + 2 * (day // 5) for day in range(301))  # with weekends
    old, new = (
        filtered_paths(
            pnl[first : first + 300],
            model,
            horizon_days=1,
            simulation=Simulation(seed=3, scenarios=60_000, labels=Labels((), days[first : first + 300])),
        )[:, 0]
        for first in (0, 1)
    )
    picks, counts = np.unique(old, return_counts=True)
    np.testing.assert_allclose(picks, pnl[:300, 0], rtol=1e-12)
    assert chisquare(counts).pvalue > 0.001
    assert (old == new).mean() == pytest.approx(1 - 2 / 301, abs=0.003)
    assert new.max() == pytest.approx(301.0)
    assert new.min() == pytest.approx(2.0)


def test_over_days_variance_grows_as_the_model_says() -> None:
    pnl = clustered(1500)
    model = fit_garch(pnl)
    total = filtered_paths(pnl, model, horizon_days=10, simulation=Simulation(seed=8, scenarios=40_000))
    surprise = float(np.square((pnl - model.mean) / filter_volatility(pnl, model)[:-1]).mean())
    variance, expected = float(filter_volatility(pnl, model)[-1, 0] ** 2), 0.0
    for _ in range(10):
        expected += variance * surprise
        variance = float(model.omega[0] + (model.alpha[0] * surprise + model.beta[0]) * variance)
    assert total.var() == pytest.approx(expected, rel=0.05)


def test_rolling_forecasts_see_nothing_of_their_day() -> None:
    pnl = clustered(420, 2)
    chosen: dict[str, Any] = {"confidence": 0.95, "window": 250, "backtest_days": 12}
    found = rolling_filtered(pnl, refit_days=1, **chosen)
    for day in (0, 5, 11):
        end = len(pnl) - 12 + day
        alone = estimate(Method.FILTERED_HISTORICAL, pnl[end - 250 : end], confidence=0.95)
        assert found.var[day].tobytes() == alone.var.tobytes()
        assert found.es[day].tobytes() == alone.es.tobytes()
    changed = pnl.copy()
    changed[-1] = 1e9
    later = rolling_filtered(changed, refit_days=1, **chosen)
    assert found.var.tobytes() == later.var.tobytes()


def test_its_forecasts_are_breached_as_often_as_they_say() -> None:
    pnl = clustered(1500)
    found = rolling_filtered(pnl, confidence=0.95, window=500, backtest_days=1000, refit_days=100)
    record = compare(found.var, pnl[-1000:])
    assert kupiec_pof(record.breaches, record.forecasts, confidence=0.95).p_value[0] > 0.01


def test_what_is_refused() -> None:
    with pytest.raises(InsufficientHistory, match="GARCH"):
        fit_garch(clustered(99))
    with pytest.raises(InvalidParameter, match="simulation"):
        estimate(Method.FILTERED_HISTORICAL, clustered(300), confidence=0.95, conventions=Conventions(horizon_days=10))
    with pytest.raises(InvalidParameter, match="one day"):
        rolling_filtered(
            clustered(300), confidence=0.95, window=200, backtest_days=5, conventions=Conventions(horizon_days=2)
        )
