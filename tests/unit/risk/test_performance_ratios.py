"""Ratios and drawdowns by hand and against NumPy; what has no ratio is NaN and no zero."""

import numpy as np
import pytest

from lakehouse.risk import InvalidParameter, NonFinite, ShapeMismatch
from lakehouse.risk.performance import (
    annual_return,
    beta,
    calmar,
    information_ratio,
    max_drawdown,
    sharpe,
    sortino,
    tracking_error,
    volatility,
)

RETURNS = np.array([[0.02], [-0.01], [0.03], [-0.02], [0.01]])
MARKET = np.array([[0.01], [-0.02], [0.02], [-0.01], [0.01]])


def test_volatility_and_growth() -> None:
    assert volatility(RETURNS)[0] == pytest.approx(np.std(RETURNS, ddof=1) * np.sqrt(252))
    assert volatility(RETURNS, periods=12, ddof=0)[0] == pytest.approx(np.std(RETURNS) * np.sqrt(12))
    assert annual_return(RETURNS, periods=5)[0] == pytest.approx(1.02 * 0.99 * 1.03 * 0.98 * 1.01 - 1)
    assert annual_return([[0.5], [-1.0]])[0] == -1.0


def test_beta_is_the_slope() -> None:
    slope = np.polyfit(MARKET[:, 0], RETURNS[:, 0], 1)[0]
    assert beta(RETURNS, MARKET)[0] == pytest.approx(slope)
    assert beta(MARKET * -2, MARKET)[0] == pytest.approx(-2.0)


def test_sharpe_and_sortino() -> None:
    excess = RETURNS - 0.001
    assert sharpe(RETURNS, risk_free=0.001)[0] == pytest.approx(excess.mean() / excess.std(ddof=1) * np.sqrt(252))
    # Downside by hand: (0.01^2 + 0.02^2) over all five periods.
    downside = np.sqrt((0.01**2 + 0.02**2) / 5)
    assert sortino(RETURNS)[0] == pytest.approx(0.006 / downside * np.sqrt(252))
    assert sortino(RETURNS, target=0.01, periods=1)[0] == pytest.approx(-0.004 / np.sqrt((0.02**2 + 0.03**2) / 5))


def test_active_measures() -> None:
    active = RETURNS - MARKET
    assert tracking_error(RETURNS, MARKET)[0] == pytest.approx(active.std(ddof=1) * np.sqrt(252))
    assert information_ratio(RETURNS, MARKET)[0] == pytest.approx(active.mean() / active.std(ddof=1) * np.sqrt(252))


def test_a_first_loss_is_a_drawdown_from_the_capital() -> None:
    found = max_drawdown([[-0.1], [0.05], [0.2]])
    assert found.depth[0] == pytest.approx(0.1)
    assert (found.peak[0], found.trough[0], found.recovery[0]) == (-1, 0, 2)
    assert found.lasted(3)[0] == 3


def test_drawdowns_in_the_middle_without_end_and_without_fall() -> None:
    moves = np.array([[0.10, 0.01, -0.5], [-0.20, 0.02, 0.1], [-0.05, 0.0, -0.2], [0.40, 0.01, 0.1]])
    found = max_drawdown(moves)
    np.testing.assert_allclose(found.depth, [1 - 0.8 * 0.95, 0.0, 1 - 0.5 * 1.1 * 0.8])
    assert found.peak.tolist() == [0, -1, -1]
    assert found.trough.tolist() == [2, -1, 2]
    assert found.recovery.tolist() == [3, -1, -1]
    assert found.lasted(4).tolist() == [3, 0, 4]
    growth = annual_return(moves)
    np.testing.assert_allclose(calmar(moves)[[0, 2]], (growth / np.where(found.depth > 0, found.depth, 1))[[0, 2]])
    assert np.isnan(calmar(moves)[1])


def test_a_drawdown_starts_at_its_latest_peak() -> None:
    found = max_drawdown([[0.0], [0.1], [0.0], [-0.3], [0.0]])
    assert (found.peak[0], found.trough[0]) == (2, 3)


def test_what_does_not_vary_has_no_ratio() -> None:
    flat = np.full((10, 1), 0.001)
    assert np.isnan(sharpe(flat)[0])
    assert np.isnan(sortino(flat)[0])
    assert np.isnan(information_ratio(RETURNS, RETURNS)[0])
    assert tracking_error(RETURNS, RETURNS)[0] == 0.0


def test_what_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="vary"):
        beta(RETURNS, MARKET * 0)
    with pytest.raises(InvalidParameter, match="fractions"):
        max_drawdown([[-1.5]])
    with pytest.raises(ShapeMismatch, match="benchmark"):
        tracking_error(RETURNS, MARKET[:3])
    with pytest.raises(NonFinite):
        sharpe([[np.nan], [0.1]])
    with pytest.raises(InvalidParameter, match="periods"):
        volatility(RETURNS, periods=0)
