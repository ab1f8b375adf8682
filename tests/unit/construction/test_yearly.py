"""What an objective says of a year: volatility above its limit goes into cash, the return aimed at is told."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest

from lakehouse.construction.estimate import Estimator, market
from lakehouse.construction.model import Market, Objective
from lakehouse.construction.policy import Aim, Bands, Pace, Policy
from lakehouse.construction.proposal import Proposal, ProposalStatus
from lakehouse.construction.propose import Holdings, propose
from lakehouse.construction.regime import Regime, RegimeReading
from lakehouse.construction.yearly import SLACK
from lakehouse.risk.checks import InvalidParameter
from lakehouse.trading.order import Side

SYMBOLS = ("A", "B", "C")
READING = RegimeReading(Regime.SIDEWAYS, "given", 1.0, 1.0, 0.2)
EQUAL = dict.fromkeys(Regime, Aim(Objective.EQUAL_WEIGHT))
CALM = Policy(aims=EQUAL, max_volatility=0.06)


@pytest.fixture(scope="module")
def closes() -> Market:
    """Three names that move by about 19 % a year, each for itself: 11 % together."""
    returns = np.random.default_rng(5).normal(0.0004, 0.012, (500, 3))
    return market(SYMBOLS, returns, Estimator.SAMPLE)


def holdings(units: int, cash: int) -> Holdings:
    held = {symbol: Decimal(units) for symbol in SYMBOLS if units}
    return Holdings(
        UUID(int=9), date(2022, 12, 28), "USD", Decimal(cash), held, dict.fromkeys(SYMBOLS, Decimal(10)), {}
    )


def after(found: Proposal, before: Holdings) -> Holdings:
    """What is held once it is traded."""
    units = dict(before.units)
    for trade in found.trades:
        sign = 1 if trade.side is Side.BUY else -1
        units[trade.symbol] = units.get(trade.symbol, Decimal(0)) + sign * trade.quantity
    return replace(before, units=units, cash=found.cash_after)


def test_what_would_be_too_volatile_is_kept_in_cash_and_stays_there(closes: Market) -> None:
    fresh = holdings(0, 100_000)
    free = propose(fresh, replace(CALM, max_volatility=None), closes, READING)
    assert free.risk_after.volatility > 0.1
    found = propose(fresh, CALM, closes, READING)
    assert found.risk_after.volatility == pytest.approx(0.06, abs=SLACK)
    assert {round(line.after, 2) for line in found.lines} == {round(found.lines[0].after, 2)}, "in the same proportions"
    assert "is beyond the 6.0% of the objective" in found.reasons[0]
    assert found.reasons[-1].endswith("6.0%, within the limit of the objective, 6.0%")
    again = propose(after(found, fresh), CALM, closes, READING)
    assert again.status is ProposalStatus.WITHIN_BANDS, "the rest is not invested as if it were the first time"


def test_what_is_held_beyond_the_limit_is_sold_at_once_whatever_bands_and_pace(closes: Market) -> None:
    patient = replace(CALM, pace=Pace(rate=0.1), bands=Bands(absolute=1.0, relative=9.0))
    found = propose(holdings(3_333, 0), patient, closes, READING)
    assert found.status is ProposalStatus.PROPOSED
    assert found.risk_after.volatility <= 0.06 + SLACK
    assert {trade.side for trade in found.trades} == {Side.SELL}
    unbound = propose(holdings(3_333, 0), replace(patient, max_volatility=0.2), closes, READING)
    assert unbound.status is ProposalStatus.WITHIN_BANDS


def test_explicit_targets_and_limits_from_below_give_way_and_are_named(closes: Market) -> None:
    aim = Aim(Objective.TARGET_WEIGHTS, targets=(("A", 1.0),), max_turnover=0.1)
    policy = Policy(aims=dict.fromkeys(Regime, aim), max_volatility=0.1)
    held = replace(holdings(0, 0), units={"A": Decimal(10_000)})
    found = propose(held, policy, closes, READING)
    assert found.risk_after.volatility <= 0.1 + SLACK
    assert any(reason.endswith("beyond max_turnover") for reason in found.reasons)


def test_nothing_that_moves_is_held_where_nothing_may(closes: Market) -> None:
    found = propose(holdings(3_333, 0), replace(CALM, max_volatility=0.0), closes, READING)
    assert [line.after for line in found.lines] == [0.0, 0.0, 0.0]
    with pytest.raises(InvalidParameter):
        replace(CALM, max_volatility=-0.1)


@pytest.mark.parametrize(("wanted", "said"), [(0.01, "meets"), (0.9, "does not meet")])
def test_the_return_that_is_aimed_at_is_told_and_changes_nothing(closes: Market, wanted: float, said: str) -> None:
    policy = Policy(aims=EQUAL)
    usual = propose(holdings(0, 100_000), policy, closes, READING)
    found = propose(holdings(0, 100_000), replace(policy, target_return=wanted), closes, READING)
    assert found.trades == usual.trades
    assert f"which {said} the target of the objective, {wanted:.1%}" in found.reasons[-1]
    expected = float(closes.mean @ np.array([line.after for line in found.lines])) * 252
    assert f"{expected:.1%} expected by the mean of 500 days" in found.reasons[-1]
