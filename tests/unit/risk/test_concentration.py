"""Concentration and liquidity by hand."""

import numpy as np
import pytest

from lakehouse.risk import InvalidParameter, ShapeMismatch
from lakehouse.risk.concentration import (
    effective_holdings,
    herfindahl,
    liquidation_days,
    liquidity_horizon,
    weighted_days,
)

HELD = np.array([[50.0, 10.0, -100.0], [30.0, 10.0, 0.0], [-20.0, 10.0, 0.0]])


def test_concentration() -> None:
    np.testing.assert_allclose(herfindahl(HELD), [0.25 + 0.09 + 0.04, 1 / 3, 1.0])
    np.testing.assert_allclose(effective_holdings(HELD), [1 / 0.38, 3.0, 1.0])
    with pytest.raises(InvalidParameter, match="nothing"):
        herfindahl(np.zeros((2, 1)))


def test_days_to_liquidate() -> None:
    found = liquidation_days(HELD, [100.0, 50.0, 0.0], participation=0.2)
    np.testing.assert_array_equal(found, [[2.5, 0.5, 5.0], [3.0, 1.0, 0.0], [np.inf, np.inf, 0.0]])
    with pytest.raises(InvalidParameter, match="participation"):
        liquidation_days(HELD, [1.0, 1.0, 1.0], participation=0.0)
    with pytest.raises(ShapeMismatch):
        liquidation_days(HELD, [1.0, 1.0])


def test_horizon_of_a_share() -> None:
    values = np.array([[60.0], [30.0], [10.0]])
    days = np.array([[1.0], [3.0], [10.0]])
    # After one day: 60 + 10 + 1 = 71; after three: 60 + 30 + 3 = 93.
    for share, expected in ((0.71, 1.0), (0.93, 3.0), (1.0, 10.0), (0.82, 2.0), (0.355, 0.5), (0.965, 6.5)):
        assert liquidity_horizon(values, days, share=share)[0] == pytest.approx(expected)
    stuck = np.array([[1.0], [3.0], [np.inf]])
    assert liquidity_horizon(values, stuck, share=0.9)[0] == pytest.approx(3.0)
    assert liquidity_horizon(values, stuck, share=0.91)[0] == np.inf
    assert liquidity_horizon(values, stuck)[0] == np.inf
    assert liquidity_horizon(np.zeros((2, 1)), np.zeros((2, 1)))[0] == 0.0


def test_weighted_days() -> None:
    values = np.array([[60.0], [-30.0], [10.0]])
    assert weighted_days(values, np.array([[1.0], [3.0], [10.0]]))[0] == pytest.approx(0.6 + 0.9 + 1.0)
