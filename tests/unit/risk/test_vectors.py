"""Scenario vectors: totals first, quantiles last."""

import numpy as np
import pytest

from lakehouse.risk import InvalidParameter, ShapeMismatch, historical_var
from lakehouse.risk.vectors import measure_vectors, rolled_up, total_pnl, worst_scenarios


def test_totals_are_measured_and_not_added_up() -> None:
    rng = np.random.default_rng(1)
    equity, rates = rng.standard_normal((500, 4)), rng.standard_normal((500, 4))
    found = measure_vectors([equity, rates], confidence=0.99)
    assert found.var.tobytes() == historical_var(equity + rates, confidence=0.99).tobytes()
    assert (found.es >= found.var).all()
    apart = historical_var(equity, confidence=0.99) + historical_var(rates, confidence=0.99)
    assert (found.var < apart).all()
    hedged = measure_vectors([equity, -equity], confidence=0.99)
    assert (hedged.var == 0).all()


def test_portfolios_roll_up_to_their_parents() -> None:
    vectors = np.array([[1.0, 2.0, 4.0], [-1.0, 0.5, 3.0]])
    np.testing.assert_array_equal(rolled_up(vectors, [1, 0, 1], 3), [[2.0, 5.0, 0.0], [0.5, 2.0, 0.0]])


def test_worst_scenarios_in_order_and_ties_by_number() -> None:
    vectors = np.array([[3.0, -1.0], [-5.0, -1.0], [0.0, -2.0], [-4.0, 7.0]])
    found = worst_scenarios(vectors, count=3)
    np.testing.assert_array_equal(found.scenario, [[1, 2], [3, 0], [2, 1]])
    np.testing.assert_array_equal(found.pnl, [[-5.0, -2.0], [-4.0, -1.0], [0.0, -1.0]])


def test_what_is_refused() -> None:
    with pytest.raises(InvalidParameter):
        total_pnl([])
    with pytest.raises(ShapeMismatch):
        total_pnl([np.zeros((3, 1)), np.zeros((2, 1))])
    with pytest.raises(InvalidParameter):
        worst_scenarios(np.zeros((3, 1)), count=4)
    with pytest.raises(InvalidParameter):
        rolled_up(np.zeros((3, 1)), [2], 2)
    with pytest.raises(ShapeMismatch):
        rolled_up(np.zeros((3, 1)), [0, 1], 2)
