"""Delta-normal against Hull's examples; the quadratic form's moments against chi-squared and simulation."""

import numpy as np
import pytest
from scipy import stats

from lakehouse.risk import ShapeMismatch, Simulation, historical_es, historical_var
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.delta_gamma import (
    delta_deviation,
    delta_gamma_es,
    delta_gamma_var,
    delta_normal_es,
    delta_normal_var,
    quadratic_moments,
    simulate_quadratic,
)

# Hull, "Options, Futures, and Other Derivatives", 9th edition, table 22.6: daily covariance of the DJIA, the FTSE 100,
# the CAC 40 and the Nikkei 225; 4, 3, 1 and 2 million dollars are held of them.
INDICES = np.array([[1.227, 0.768, 0.767, -0.095], [0.768, 2.010, 1.817, 0.394], [0.767, 1.817, 1.950, 0.407],
                    [-0.095, 0.394, 0.407, 1.909]]) * 1e-4  # fmt: skip
HELD = np.array([[4e6], [3e6], [1e6], [2e6]])


def option_book() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Covariance, deltas, and gammas with cross terms of two books."""
    covariance = np.array([[4.0, 1.0, 0.5], [1.0, 2.0, 0.3], [0.5, 0.3, 1.0]]) * 1e-4
    delta = np.array([[1e6, -2e5], [-4e5, 3e5], [2e5, 1e5]])
    cross = np.zeros((2, 3, 3))
    cross[0] = np.diag([8e6, -5e6, 3e6])
    cross[0, 0, 1] = cross[0, 1, 0] = 2e6
    cross[1] = np.diag([-9e6, 0.0, -6e6])
    return covariance, delta, cross


def test_hulls_two_stocks() -> None:
    # Hull, 22.4: 10 million of a stock with 2 % daily volatility, 5 million of one with 1 %, correlation 0.3: 220,227
    # a day, and 1,622,657 over ten days at 99 % with 2.33 deviations (as in his 6th edition).
    covariance = np.array([[0.02**2, 0.3 * 0.02 * 0.01], [0.3 * 0.02 * 0.01, 0.01**2]])
    held = np.array([[10e6], [5e6]])
    assert delta_deviation(covariance, held)[0] == pytest.approx(220_227, abs=1)
    ten_days = delta_normal_var(covariance, held, confidence=0.99, horizon_days=10)[0]
    assert ten_days * 2.33 / stats.norm.ppf(0.99) == pytest.approx(1_622_657, abs=10)


def test_hulls_four_indices() -> None:
    assert delta_deviation(INDICES, HELD)[0] == pytest.approx(93_600, abs=10)
    assert delta_normal_var(INDICES, HELD, confidence=0.99)[0] == pytest.approx(217_757, abs=20)
    assert delta_normal_es(INDICES, HELD, confidence=0.99)[0] == pytest.approx(
        93_600 * stats.norm.pdf(stats.norm.ppf(0.99)) / 0.01, rel=1e-4
    )


def test_a_square_is_chi_squared() -> None:
    # gamma alone: P&L = g v Z^2 / 2, whose skewness is sqrt(8) and excess kurtosis 12 (of the losses: reversed).
    found = quadratic_moments([[4e-4]], [[0.0]], [[2e6]])
    assert found.mean[0] == pytest.approx(-400.0)
    assert found.deviation[0] == pytest.approx(400 * np.sqrt(2))
    assert found.skewness[0] == pytest.approx(-np.sqrt(8))
    assert found.excess_kurtosis[0] == pytest.approx(12.0)


def test_moments_are_those_of_the_simulated_form() -> None:
    covariance, delta, gamma = option_book()
    found = quadratic_moments(covariance, delta, gamma, horizon_days=5)
    losses = -simulate_quadratic(covariance, delta, gamma, Simulation(seed=1, scenarios=400_000), horizon_days=5)
    np.testing.assert_allclose(found.mean, losses.mean(axis=0), rtol=0.05)
    np.testing.assert_allclose(found.deviation, losses.std(axis=0), rtol=0.01)
    np.testing.assert_allclose(found.skewness, stats.skew(losses), rtol=0.05)
    np.testing.assert_allclose(found.excess_kurtosis, stats.kurtosis(losses), rtol=0.15)


def test_own_gammas_are_the_diagonal_of_crossed_ones() -> None:
    covariance, delta, _ = option_book()
    own = np.array([[8e6, 0.0], [-5e6, 0.0], [0.0, -6e6]])
    crossed = np.stack([np.diag(own[:, 0]), np.diag(own[:, 1])])
    simulation = Simulation(seed=2, scenarios=500)
    for gamma in (own, crossed):
        assert quadratic_moments(covariance, delta, gamma).skewness.tobytes() == (
            quadratic_moments(covariance, delta, own).skewness.tobytes()
        )
        assert simulate_quadratic(covariance, delta, gamma, simulation).tobytes() == (
            simulate_quadratic(covariance, delta, own, simulation).tobytes()
        )


def test_the_expansion_is_near_the_simulated_quantile() -> None:
    covariance, delta, gamma = option_book()
    moments = quadratic_moments(covariance, delta, gamma)
    pnl = simulate_quadratic(covariance, delta, gamma, Simulation(seed=3, scenarios=200_000))
    np.testing.assert_allclose(
        delta_gamma_var(moments, confidence=0.99), historical_var(pnl, confidence=0.99), rtol=0.05
    )
    np.testing.assert_allclose(delta_gamma_es(moments, confidence=0.99), historical_es(pnl, confidence=0.99), rtol=0.06)


def test_simulation_goes_to_delta_normal_as_gamma_goes_to_zero() -> None:
    covariance, delta, gamma = option_book()
    count = 50_000
    exact = delta_normal_var(covariance, delta, confidence=0.99)
    deviation = delta_deviation(covariance, delta)
    z = stats.norm.ppf(0.99)
    error = deviation * np.sqrt(0.01 * 0.99 / count) / stats.norm.pdf(z)
    for size in (1e-3, 1e-6, 0.0):
        pnl = simulate_quadratic(covariance, delta, gamma * size, Simulation(seed=4, scenarios=count))
        assert (np.abs(historical_var(pnl, confidence=0.99) - exact) < 3 * error + 1e-2 * size * exact).all()
    without = quadratic_moments(covariance, delta, gamma * 0)
    np.testing.assert_allclose(delta_gamma_var(without, confidence=0.99), exact, rtol=1e-12)


def test_a_book_does_not_depend_on_those_beside_it() -> None:
    covariance, delta, gamma = option_book()
    simulation = Simulation(seed=5, scenarios=3000, block_rows=700)
    together = simulate_quadratic(covariance, delta, gamma, simulation)
    for book in (0, 1):
        alone = simulate_quadratic(covariance, delta[:, [book]], gamma[[book]], simulation)
        assert alone.tobytes() == np.ascontiguousarray(together[:, [book]]).tobytes()


def test_shapes_that_do_not_fit_are_refused() -> None:
    covariance, delta, gamma = option_book()
    with pytest.raises(ShapeMismatch, match="gamma"):
        quadratic_moments(covariance, delta, gamma[:1])
    with pytest.raises(ShapeMismatch, match="covariance"):
        delta_normal_var(covariance[:2, :2], delta, confidence=0.99)
