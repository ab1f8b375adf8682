"""Worked examples of the measures of an analysis session."""

import numpy as np
import pytest

from lakehouse.risk import InsufficientHistory, InvalidParameter
from lakehouse.risk.analysis import (
    Holdings,
    allocation_score,
    concentration,
    correlation,
    momentum,
    portfolio_risk,
)

GENERATOR = np.random.default_rng(20221228)
MOVES = GENERATOR.normal(0.0, 0.01, (260, 2))


def held(values: tuple[float, ...] = (300.0, -100.0), moves: np.ndarray = MOVES) -> Holdings:
    """Two holdings, the second short, with the prices of 261 days."""
    prices = np.vstack([np.ones(moves.shape[1]), np.cumprod(1 + moves, axis=0)])
    return Holdings(("AAA", "BBB")[: len(values)], np.array(values), prices)


def test_portfolio_risk_is_the_loss_that_one_day_in_twenty_exceeds() -> None:
    pnl = MOVES @ np.array([300.0, -100.0])
    worse = (-pnl > portfolio_risk(held(), "AAA") * 400 + 1e-9).sum()
    assert worse == 260 * 0.05


def test_portfolio_risk_does_not_depend_on_the_size_of_the_portfolio() -> None:
    assert portfolio_risk(held((3.0, -1.0)), "AAA") == pytest.approx(portfolio_risk(held(), "AAA"))


def test_concentration_is_a_share_of_gross_value() -> None:
    assert concentration(held(), "AAA") == pytest.approx(0.75)
    assert concentration(held(), "BBB") == pytest.approx(0.25)


def test_correlation_is_with_the_others_as_they_are_held() -> None:
    expected = np.corrcoef(MOVES[:, 0], -MOVES[:, 1])[0, 1]
    assert correlation(held(), "AAA") == pytest.approx(expected)


def test_momentum_leaves_out_the_last_month() -> None:
    prices = held().prices[:, 0]
    assert momentum(held(), "AAA") == pytest.approx(prices[-22] / prices[-253] - 1)


def test_scores_of_all_holdings_sum_to_zero() -> None:
    assert allocation_score(held(), "AAA") + allocation_score(held(), "BBB") == pytest.approx(0.0)


def test_the_quieter_of_two_equal_holdings_is_underweight() -> None:
    quiet = held((100.0, 100.0), MOVES * np.array([0.5, 1.0]))
    assert allocation_score(quiet, "AAA") > 0 > allocation_score(quiet, "BBB")


@pytest.mark.parametrize("measure", [portfolio_risk, correlation, allocation_score])
def test_a_short_history_is_no_zero(measure: object) -> None:
    assert callable(measure)
    with pytest.raises(InsufficientHistory):
        measure(held(moves=MOVES[:10]), "AAA")


def test_momentum_needs_a_year() -> None:
    with pytest.raises(InsufficientHistory):
        momentum(held(moves=MOVES[:251]), "AAA")


def test_a_correlation_with_nothing_does_not_exist() -> None:
    with pytest.raises(InvalidParameter):
        correlation(held((100.0,), MOVES[:, :1]), "AAA")


def test_what_is_not_held_is_named() -> None:
    with pytest.raises(InvalidParameter, match="CCC is not among the holdings: AAA, BBB"):
        concentration(held(), "CCC")


def test_a_price_that_stands_still_has_no_volatility() -> None:
    with pytest.raises(InvalidParameter):
        allocation_score(held(moves=MOVES * np.array([0.0, 1.0])), "AAA")
