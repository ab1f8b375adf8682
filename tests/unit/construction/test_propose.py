"""Proposals from end to end: pure, on the prices that ship with skfolio."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest
from skfolio.datasets import load_sp500_dataset

from lakehouse.construction.estimate import market
from lakehouse.construction.model import Market, Objective
from lakehouse.construction.policy import Aim, Pace, Policy, Sector, Taxes, standard_aims
from lakehouse.construction.proposal import Proposal, ProposalStatus, Side
from lakehouse.construction.propose import Holdings, propose
from lakehouse.construction.regime import Regime, RegimeReading
from lakehouse.construction.taxes import TaxLot
from lakehouse.risk.checks import InvalidParameter

DAY = date(2022, 12, 28)
SYMBOLS = ("AAPL", "JPM", "KO", "MSFT", "XOM")
SIDEWAYS = RegimeReading(Regime.SIDEWAYS, "given", 1.0, 1.0, 0.2)
BEAR = replace(SIDEWAYS, regime=Regime.BEAR)


@pytest.fixture(scope="module")
def closes() -> Market:
    prices = load_sp500_dataset()[list(SYMBOLS)].iloc[-501:].to_numpy()
    return market(SYMBOLS, np.asarray(prices[1:] / prices[:-1] - 1, dtype=np.float64))


def holdings(units: str = "100 50 200 40 100", cash: str = "1000") -> Holdings:
    held = {s: Decimal(u) for s, u in zip(SYMBOLS, units.split(), strict=True) if u != "0"}
    prices = dict(zip(SYMBOLS, map(Decimal, ["126.04", "133.00", "63.57", "234.53", "108.38"]), strict=True))
    lots = {
        s: (TaxLot(UUID(int=i), date(2022, 6, 1), quantity, quantity * 90),)
        for i, (s, quantity) in enumerate(held.items())
    }
    return Holdings(UUID(int=9), DAY, "USD", Decimal(cash), held, prices, lots)


def adds_up(found: Proposal, held: Holdings) -> None:
    """The books of a proposal: cash, costs, lots and weights say the same."""
    cash = held.cash
    units = dict(held.units)
    for trade in found.trades:
        sign = 1 if trade.side is Side.BUY else -1
        assert trade.quantity == trade.quantity.to_integral_value() > 0
        cash -= sign * trade.notional + trade.cost
        units[trade.symbol] = units.get(trade.symbol, Decimal(0)) + sign * trade.quantity
        if trade.side is Side.SELL:
            assert sum(quantity for _, quantity in trade.lots) == trade.quantity
    assert found.cash_after == cash >= 0
    left = cash + sum(q * held.prices[s] for s, q in units.items())
    for line in found.lines:
        assert line.after == pytest.approx(float(units.get(line.symbol, Decimal(0)) * held.prices[line.symbol] / left))


def test_a_proposal_moves_the_portfolio_to_its_policy(closes: Market) -> None:
    found = propose(holdings(), Policy(taxes=Taxes(Decimal("0.3"), Decimal("0.2"))), closes, SIDEWAYS)
    assert found.status is ProposalStatus.PROPOSED
    adds_up(found, holdings())
    assert found.drift_after < 0.01 < found.drift_before
    assert found.objective is Objective.RISK_PARITY
    assert found.tax > 0
    assert found.risk_after.volatility < found.risk_before.volatility
    assert found.risk_after.es_975 >= found.risk_after.volatility / 100


def test_a_bear_market_keeps_cash_back(closes: Market) -> None:
    found = propose(holdings(), Policy(), closes, BEAR)
    assert found.regime is Regime.BEAR
    assert float(found.cash_after / found.value) == pytest.approx(0.3, abs=0.01)
    adds_up(found, holdings())


def test_cash_is_invested_at_once_whatever_the_pace(closes: Market) -> None:
    aims = {**standard_aims(), Regime.SIDEWAYS: Aim(Objective.EQUAL_WEIGHT, max_turnover=0.1)}
    fresh = holdings("0 0 0 0 0", "100000")
    found = propose(fresh, Policy(aims=aims, pace=Pace(rate=0.1)), closes, SIDEWAYS)
    assert found.status is ProposalStatus.PROPOSED
    assert found.drift_after < 0.01
    assert any("first investment" in reason for reason in found.reasons)
    adds_up(found, fresh)


def test_a_pace_goes_a_part_of_the_way(closes: Market) -> None:
    found = propose(holdings(), Policy(pace=Pace(rate=0.5)), closes, SIDEWAYS)
    assert found.drift_after == pytest.approx(found.drift_before / 2, abs=0.005)


def test_turnover_is_capped_with_costs(closes: Market) -> None:
    aims = {**standard_aims(), Regime.SIDEWAYS: Aim(Objective.MIN_VARIANCE, max_turnover=0.2)}
    found = propose(holdings(cash="0"), Policy(aims=aims), closes, SIDEWAYS)
    assert found.status is ProposalStatus.PROPOSED
    assert found.turnover <= 0.2 + 0.01  # whole lots
    adds_up(found, holdings(cash="0"))


def test_within_its_bands_nothing_is_traded(closes: Market) -> None:
    first = propose(holdings(), Policy(), closes, SIDEWAYS)
    units = dict(holdings().units)
    for trade in first.trades:
        units[trade.symbol] += trade.quantity if trade.side is Side.BUY else -trade.quantity
    again = propose(replace(holdings(), units=units, cash=first.cash_after), Policy(), closes, SIDEWAYS)
    assert again.status is ProposalStatus.WITHIN_BANDS
    assert again.trades == ()


def test_what_is_excluded_is_sold(closes: Market) -> None:
    found = propose(holdings(), Policy(excluded=("XOM",)), closes, SIDEWAYS)
    sold = next(trade for trade in found.trades if trade.symbol == "XOM")
    assert (sold.side, sold.quantity) == (Side.SELL, Decimal(100))


def test_limits_that_cannot_be_kept_keep_the_portfolio_and_are_named(closes: Market) -> None:
    policy = Policy(sectors=(Sector("all of it", SYMBOLS, upper=0.5),))
    found = propose(holdings(), policy, closes, SIDEWAYS)
    assert found.status is ProposalStatus.KEPT
    assert found.trades == ()
    assert "all of it" in found.reasons[0]
    assert found.cash_after == holdings().cash


def test_short_positions_and_empty_portfolios_are_refused_by_name(closes: Market) -> None:
    short = propose(holdings("100 -5 200 40 100"), Policy(), closes, SIDEWAYS)
    assert short.status is ProposalStatus.REFUSED
    assert "JPM" in short.reasons[0]
    assert propose(holdings("0 0 0 0 0", "0"), Policy(), closes, SIDEWAYS).status is ProposalStatus.REFUSED


def test_a_holding_outside_the_market_is_refused(closes: Market) -> None:
    with pytest.raises(InvalidParameter, match="ZZZ"):
        propose(replace(holdings(), units={"ZZZ": Decimal(1)}), Policy(), closes, SIDEWAYS)


def test_the_same_input_gives_the_same_proposal(closes: Market) -> None:
    assert propose(holdings(), Policy(), closes, BEAR) == propose(holdings(), Policy(), closes, BEAR)
