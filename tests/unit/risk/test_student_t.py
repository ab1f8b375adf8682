"""Student t: degrees of freedom against SciPy's likelihood, quantile and tail mean against integration."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from lakehouse.risk import parametric_normal_es, parametric_normal_var, student_t_es, student_t_var
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.student_t import HIGHEST_DOF, LOWEST_DOF, fit_dof, t_quantile, t_tail_mean


def heavy(dof: float, days: int = 2000, seed: int = 1) -> FloatArray:
    drawn: FloatArray = stats.t.rvs(dof, size=(1, days), random_state=seed)
    return drawn


@pytest.mark.parametrize("dof", [2.5, 4.0, 6.0, 12.0])
def test_dof_maximises_scipys_likelihood(dof: float) -> None:
    losses = heavy(dof)
    standard = (losses[0] - losses[0].mean()) / losses[0].std()

    def unlikely(value: float) -> float:
        scale = np.sqrt((value - 2) / value)
        return -float(stats.t.logpdf(standard, value, scale=scale).sum())

    best = minimize_scalar(unlikely, bounds=(LOWEST_DOF, 100), method="bounded", options={"xatol": 1e-9}).x
    assert fit_dof(losses)[0] == pytest.approx(best, rel=1e-4)


def test_a_normal_sample_has_many_degrees_and_a_constant_one_the_most() -> None:
    normal = np.random.default_rng(2).uniform(-1, 1, (1, 500))  # thinner tails than the normal's
    assert fit_dof(normal)[0] == pytest.approx(HIGHEST_DOF)
    assert fit_dof(np.full((1, 50), 3.0))[0] == HIGHEST_DOF
    assert fit_dof(heavy(1.2))[0] == pytest.approx(LOWEST_DOF)


@pytest.mark.parametrize("dof", [2.1, 3.0, 5.0, 30.0])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99, 0.999])
def test_closed_forms_against_integration(dof: float, confidence: float) -> None:
    scale = np.sqrt((dof - 2) / dof)
    cut = stats.t.ppf(confidence, dof)
    one = np.array([dof])
    assert t_quantile(one, confidence)[0] == pytest.approx(cut * scale, rel=1e-10, abs=1e-12)
    tail, _ = quad(lambda p: stats.t.isf(p, dof), 0, 1 - confidence, limit=200)
    assert t_tail_mean(one, confidence)[0] == pytest.approx(tail / (1 - confidence) * scale, rel=1e-5)


def test_the_published_quantiles_of_the_t() -> None:
    # McNeil, Frey and Embrechts (2005), table 2.1: daily losses of a 10,000 position, annual volatility 20 % in 250
    # days, t with 4 degrees of freedom: VaR at 90, 95, 97.5, 99 and 99.5 %.
    deviation = 10_000 * 0.2 / np.sqrt(250)
    levels = {0.90: 137.1, 0.95: 190.7, 0.975: 248.3, 0.99: 335.1, 0.995: 411.8}
    for confidence, published in levels.items():
        assert t_quantile(np.array([4.0]), confidence)[0] * deviation == pytest.approx(published, abs=0.06)


def test_with_many_degrees_it_is_the_normal() -> None:
    pnl = np.random.default_rng(3).uniform(-1e4, 1e4, (400, 2)) + 50
    for t, normal in ((student_t_var, parametric_normal_var), (student_t_es, parametric_normal_es)):
        found, expected = (each(pnl, confidence=0.99, horizon_days=10) for each in (t, normal))
        np.testing.assert_allclose(found, expected, rtol=0.02)


def test_the_tail_is_heavier_where_the_data_are() -> None:
    pnl = heavy(3.5).T * 1e4
    assert student_t_es(pnl, confidence=0.99)[0] > parametric_normal_es(pnl, confidence=0.99)[0]
