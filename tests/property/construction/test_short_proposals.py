"""What holds of every proposal for a portfolio that is long and short, whatever it holds and whoever may sell short."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import numpy as np
from hypothesis import given, settings, strategies as st

from lakehouse.construction.lots import Short
from lakehouse.construction.model import Objective, sample_market
from lakehouse.construction.policy import Aim, Policy
from lakehouse.construction.proposal import Proposal, ProposalStatus
from lakehouse.construction.propose import Holdings, propose
from lakehouse.construction.regime import Regime, RegimeReading
from lakehouse.trading.order import Side

SYMBOLS = ("AAA", "BBB", "CCC", "DDD")
SIDEWAYS = RegimeReading(Regime.SIDEWAYS, "given", 1.0, 1.0, 0.2)
CAP, GROSS = 0.5, 1.8
MARKET = sample_market(SYMBOLS, np.random.default_rng(3).normal(0.0004, 0.012, (150, len(SYMBOLS))))
PRICES = {symbol: Decimal(price) for symbol, price in zip(SYMBOLS, ("31.50", "7.25", "120.00", "64.10"), strict=True)}


def holdings(units: list[int], cash: int, *, may_short: bool) -> Holdings:
    held = {symbol: Decimal(count) for symbol, count in zip(SYMBOLS, units, strict=True) if count}
    shorts = {
        symbol: Short(-count * PRICES[symbol] * Decimal("1.5"), PRICES[symbol] * Decimal("1.5"))
        for symbol, count in held.items()
        if count < 0
    }
    return Holdings(
        UUID(int=1), date(2022, 12, 28), "USD", Decimal(cash), held, PRICES, {}, shorts=shorts, may_short=may_short
    )


def gross(found: Proposal) -> float:
    return sum(abs(line.after) for line in found.lines)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(-60, 300), min_size=4, max_size=4),
    st.integers(0, 20_000),
    st.booleans(),
    st.sampled_from((Objective.MIN_VARIANCE, Objective.MEAN_CVAR)),
)
def test_cash_gross_exposure_and_turnover_are_kept(
    units: list[int], cash: int, may_short: bool, objective: Objective
) -> None:
    aim = Aim(objective, cash=0.05, max_weight=0.7, max_turnover=CAP, min_weight=-0.3, max_gross=GROSS)
    held = holdings(units, cash, may_short=may_short)
    found = propose(held, Policy(aims=dict.fromkeys(Regime, aim)), MARKET, SIDEWAYS)
    assert found.cash_after >= 0
    if found.status is not ProposalStatus.PROPOSED:
        assert found.trades == ()
        return
    before = sum(abs(line.before) for line in found.lines)
    if may_short:
        assert gross(found) <= max(GROSS, before) + 1e-9
    is_first = any(reason.startswith("first investment") for reason in found.reasons)
    one_lot = float(sum(PRICES.values()) / found.value)
    assert is_first or found.turnover <= CAP + one_lot
    for trade in found.trades:
        had = held.units.get(trade.symbol, Decimal(0))
        after = had + (trade.quantity if trade.side is Side.BUY else -trade.quantity)
        assert had * after >= 0
        assert after >= min(had, Decimal(0)) or may_short
