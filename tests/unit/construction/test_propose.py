"""Proposals from end to end: pure, on the prices that ship with skfolio."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest
from skfolio.datasets import load_sp500_dataset

from lakehouse.construction.estimate import market
from lakehouse.construction.lots import Short
from lakehouse.construction.model import Market, Objective, contributions
from lakehouse.construction.policy import Aim, Bands, Costs, Pace, Policy, Sector, Taxes, standard_aims
from lakehouse.construction.proposal import Proposal, ProposalStatus
from lakehouse.construction.propose import Foreign, Holdings, propose
from lakehouse.construction.regime import Regime, RegimeReading
from lakehouse.construction.taxes import TaxLot
from lakehouse.portfolio.lots import LotMethod
from lakehouse.risk.checks import InvalidParameter
from lakehouse.trading.order import Side

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


def test_weights_outside_their_bands_go_to_the_target_or_no_further_than_the_edge(closes: Market) -> None:
    prices = holdings().prices
    targets = (("AAPL", 0.3), ("JPM", 0.3), ("KO", 0.4))
    shares = {"AAPL": "0.4", "JPM": "0.3", "KO": "0.3"}
    units = {s: (Decimal(share) * 1_000_000 / prices[s]).quantize(Decimal(1)) for s, share in shares.items()}
    drifted = replace(holdings(), units=units, cash=Decimal(0), lots={})
    aims = dict.fromkeys(Regime, Aim(Objective.TARGET_WEIGHTS, targets=targets))
    there = propose(drifted, Policy(aims=aims), closes, SIDEWAYS)
    edge = propose(drifted, Policy(aims=aims, bands=Bands(to_edge=True)), closes, SIDEWAYS)
    after = {line.symbol: line.after for line in edge.lines}
    assert there.turnover == pytest.approx(0.2, abs=0.001)
    assert edge.turnover == pytest.approx(0.1, abs=0.001)
    assert [after["AAPL"], after["KO"]] == pytest.approx([0.35, 0.35], abs=0.001)
    inside = replace(drifted, units={**units, "AAPL": units["AAPL"] * 85 / 100, "KO": units["KO"] * 120 / 100})
    assert propose(inside, Policy(aims=aims, bands=Bands(to_edge=True)), closes, SIDEWAYS).status is (
        ProposalStatus.WITHIN_BANDS
    )


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


def test_units_of_open_orders_are_not_sold_and_the_proposal_says_so(closes: Market) -> None:
    policy = Policy(excluded=("XOM",))
    held = replace(holdings(), kept={"XOM": Decimal(30), "KO": Decimal(200)}, coming={"JPM": Decimal(7)})
    found = propose(held, policy, closes, SIDEWAYS)
    adds_up(found, held)
    sold = {trade.symbol: trade.quantity for trade in found.trades if trade.side is Side.SELL}
    assert sold["XOM"] == 70
    assert "KO" not in sold
    said = next(reason for reason in found.reasons if reason.startswith("XOM"))
    assert said == (
        "XOM: open orders keep 30 of 100 units, which are left out of what is sold; without them 30 more would be"
    )
    assert any(reason.startswith("KO: open orders keep 200 of 200 units") for reason in found.reasons)
    assert "JPM: open orders may buy 7 units, which are not counted as held" in found.reasons
    assert any("still beyond a limit" in reason and "XOM" in reason for reason in found.reasons)
    free = propose(holdings(), policy, closes, SIDEWAYS)
    assert not any("open orders" in reason or "beyond" in reason for reason in free.reasons)


def test_names_beyond_the_limit_on_the_way_there_are_told(closes: Market) -> None:
    aims = {**standard_aims(), Regime.SIDEWAYS: Aim(Objective.MIN_VARIANCE, cardinality=2)}
    slow = propose(holdings(), Policy(aims=aims, pace=Pace(rate=0.5)), closes, SIDEWAYS)
    assert slow.reasons[-1] == "still beyond a limit after these trades: 5 names (2 at most)"
    at_once = propose(holdings(), Policy(aims=aims), closes, SIDEWAYS)
    assert sum(line.after > 0 for line in at_once.lines) == 2
    assert not any("beyond" in reason for reason in at_once.reasons)


def test_the_cost_of_trading_is_limited(closes: Market) -> None:
    costs = Costs(per_share=Decimal("0.05"), bps=Decimal(5))
    aim = Aim(Objective.MIN_VARIANCE, max_cost=0.0002)
    found = propose(holdings(), Policy(aims=dict.fromkeys(Regime, aim), costs=costs), closes, SIDEWAYS)
    assert found.status is ProposalStatus.PROPOSED
    assert 0.00015 < float(found.cost / found.value) <= 0.0002 + 0.00002  # whole lots
    free = propose(holdings(), Policy(aims=dict.fromkeys(Regime, replace(aim, max_cost=None))), closes, SIDEWAYS)
    assert free.turnover > 2 * found.turnover


def test_risk_is_split_by_the_budgets_and_nothing_else_is_held(closes: Market) -> None:
    aim = Aim(Objective.RISK_BUDGETING, budgets=(("JPM", 1.0), ("KO", 2.0), ("MSFT", 1.0)))
    found = propose(holdings(), Policy(aims=dict.fromkeys(Regime, aim)), closes, SIDEWAYS)
    weights = np.array([line.target for line in found.lines])
    np.testing.assert_allclose(contributions(weights, closes.covariance), [0, 0.25, 0.5, 0.25, 0], atol=1e-6)
    assert {line.symbol for line in found.lines if line.after > 0} == {"JPM", "KO", "MSFT"}


def test_lots_are_chosen_where_the_account_lets_one_and_else_taken_by_its_method(closes: Market) -> None:
    old, new = TaxLot(UUID(int=1), date(2020, 1, 2), Decimal(60), Decimal(3000)), date(2022, 6, 1)
    lots = {"XOM": (old, TaxLot(UUID(int=2), new, Decimal(40), Decimal(4400)))}
    policy = Policy(excluded=("XOM",), pace=Pace(max_step=0.1), taxes=Taxes(Decimal("0.3"), Decimal("0.2")))

    def closed(method: LotMethod) -> int:
        found = propose(replace(holdings(), lots=lots, lot_method=method), policy, closes, SIDEWAYS)
        return next(trade.lots[0][0].int for trade in found.trades if trade.symbol == "XOM")

    methods = (LotMethod.SPECIFIC, LotMethod.FIFO, LotMethod.AVERAGE, LotMethod.LIFO, LotMethod.HIFO)
    assert [closed(method) for method in methods] == [2, 1, 1, 2, 2]


def test_a_sale_of_units_that_are_in_no_lot_any_more_says_so(closes: Market) -> None:
    found = propose(replace(holdings(), lots={}), Policy(excluded=("XOM",)), closes, SIDEWAYS)
    assert "not told" in next(trade.note for trade in found.trades if trade.symbol == "XOM")


def test_a_sale_in_another_currency_pays_for_nothing_here_and_says_what_is_not_counted(closes: Market) -> None:
    euros = {"XOM": Foreign("EUR", Decimal("98.50"))}
    held = replace(holdings(), foreign=euros, lots={s: lots for s, lots in holdings().lots.items() if s != "XOM"})
    found = propose(held, Policy(excluded=("XOM",)), closes, SIDEWAYS)
    sale = next(trade for trade in found.trades if trade.symbol == "XOM")
    assert (sale.side, sale.short_gain, sale.long_gain, sale.lots) == (Side.SELL, Decimal(0), Decimal(0), ())
    assert sale.note == (
        "paid in EUR, at 98.5 a unit: what it brings pays for no purchase in another currency until it is converted, "
        "and its gain and tax, of lots in another currency than USD, are not counted"
    )
    spent = sum((t.notional if t.side is Side.BUY else -t.notional) + t.cost for t in found.trades if t != sale)
    assert found.cash_after == held.cash - spent >= 0
    dollars = propose(holdings(), Policy(excluded=("XOM",)), closes, SIDEWAYS)
    one, other = (sum(t.notional for t in each.trades if t.side is Side.BUY) for each in (found, dollars))
    assert one + sale.notional / 2 < other
    back = propose(replace(held, units={"XOM": Decimal(1)}, cash=Decimal(5000)), Policy(), closes, SIDEWAYS)
    bought = next(trade for trade in back.trades if trade.symbol == "XOM")
    assert bought.note.startswith("paid in EUR, at 98.5 a unit: cash of USD is converted first")


def test_an_empty_portfolio_is_refused(closes: Market) -> None:
    assert propose(holdings("0 0 0 0 0", "0"), Policy(), closes, SIDEWAYS).status is ProposalStatus.REFUSED


class TestShorts:
    """JPM is the second symbol: five units are sold short, for which 1.5 times what they brought is kept back."""

    SHORT = replace(holdings("100 -5 200 40 100"), shorts={"JPM": Short(Decimal(900), Decimal(180))}, may_short=True)

    def test_under_a_long_only_policy_a_short_is_bought_back_at_once_however_slow_the_pace(
        self, closes: Market
    ) -> None:
        slow = Policy(pace=Pace(rate=0.1), bands=Bands(absolute=0.5, relative=10.0))
        found = propose(self.SHORT, slow, closes, SIDEWAYS)
        cover = next(trade for trade in found.trades if trade.symbol == "JPM")
        assert (cover.side, cover.quantity) == (Side.BUY, Decimal(5))
        assert cover.note == "buys back what was sold short"
        assert cover.short_gain == Decimal(600) - 5 * self.SHORT.prices["JPM"]
        owed = sum((q * self.SHORT.prices[s] for s, q in self.SHORT.units.items()), Decimal(0))
        assert found.value == self.SHORT.cash + 900 + owed
        moved = sum((t.notional if t.side is Side.BUY else -t.notional) + t.cost for t in found.trades)
        assert found.cash_after == self.SHORT.cash + 900 - moved

    @pytest.mark.parametrize("kept", ["540", "0"])
    def test_what_was_collateralised_in_part_has_no_invented_loss(self, closes: Market, kept: str) -> None:
        """Three units were sold for 120 each, two came in by a transfer that brought nothing; or all five did."""
        part = replace(self.SHORT, shorts={"JPM": Short(Decimal(kept), Decimal(180 if kept != "0" else 0))})
        found = propose(part, Policy(), closes, SIDEWAYS)
        cover = next(trade for trade in found.trades if trade.symbol == "JPM")
        assert (cover.quantity, cover.short_gain) == (Decimal(5), Decimal(0))
        assert "what that gains is not told" in cover.note

    def test_what_open_orders_buy_back_is_left_to_them_and_told_once(self, closes: Market) -> None:
        part = replace(self.SHORT, kept={"JPM": Decimal(-2)}, coming={"JPM": Decimal(2)})
        found = propose(part, Policy(), closes, SIDEWAYS)
        assert next(trade for trade in found.trades if trade.symbol == "JPM").quantity == Decimal(3)
        said = [reason for reason in found.reasons if reason.startswith("JPM: ")]
        assert said == ["JPM: open orders already buy back 2 of 5 units that are sold short"]

    def test_a_policy_that_allows_them_keeps_its_gross_exposure_and_says_what_is_kept_back(
        self, closes: Market
    ) -> None:
        aim = Aim(Objective.MIN_VARIANCE, min_weight=-0.3, max_gross=1.4, cash=0.05, max_weight=0.6)
        policy = Policy(aims=dict.fromkeys(Regime, aim))
        flat = replace(holdings("0 0 0 0 0", "100000"), may_short=True)
        found = propose(flat, policy, closes, SIDEWAYS)
        sold = [trade for trade in found.trades if trade.side is Side.SELL]
        assert sold
        assert all(trade.note == "sells short: 150% of what it brings is kept back" for trade in sold)
        assert sum(abs(line.after) for line in found.lines) <= 1.4
        assert found.cash_after >= 0
        refused = propose(replace(flat, may_short=False), policy, closes, SIDEWAYS)
        assert "the account may not sell short: only long positions are wanted" in refused.reasons
        assert all(trade.side is Side.BUY for trade in refused.trades)

    def test_nothing_is_sold_short_in_another_currency(self, closes: Market) -> None:
        aim = Aim(Objective.MIN_VARIANCE, min_weight=-0.3, max_gross=1.4, cash=0.05, max_weight=0.6)
        policy = Policy(aims=dict.fromkeys(Regime, aim))
        flat = replace(holdings("0 0 0 0 0", "100000"), may_short=True)
        sold = {t.symbol for t in propose(flat, policy, closes, SIDEWAYS).trades if t.side is Side.SELL}
        assert sold
        euros = replace(flat, foreign={symbol: Foreign("EUR", Decimal(1)) for symbol in sold})
        assert not sold & {t.symbol for t in propose(euros, policy, closes, SIDEWAYS).trades if t.side is Side.SELL}

    def test_no_order_goes_through_zero(self, closes: Market) -> None:
        aim = Aim(
            Objective.TARGET_WEIGHTS, min_weight=-0.2, max_gross=1.5, targets=(("JPM", 0.5), ("KO", -0.2), ("XOM", 0.5))
        )
        found = propose(self.SHORT, Policy(aims=dict.fromkeys(Regime, aim)), closes, SIDEWAYS)
        traded = {trade.symbol: trade for trade in found.trades}
        assert (traded["JPM"].side, traded["JPM"].quantity) == (Side.BUY, Decimal(5))
        assert (traded["KO"].side, traded["KO"].quantity) == (Side.SELL, Decimal(200))
        assert any(reason.startswith("first closed") and "JPM, KO" in reason for reason in found.reasons)

    def test_an_aim_says_what_shorts_need(self) -> None:
        with pytest.raises(InvalidParameter, match="go together"):
            Aim(Objective.MIN_VARIANCE, min_weight=-0.1)
        with pytest.raises(InvalidParameter, match="short positions go with"):
            Aim(Objective.RISK_PARITY, min_weight=-0.1, max_gross=1.2)
        with pytest.raises(InvalidParameter, match="max_gross <= 3"):
            Aim(Objective.MIN_VARIANCE, min_weight=-0.1, max_gross=4.0)
        with pytest.raises(InvalidParameter, match="below min_weight"):
            Aim(Objective.TARGET_WEIGHTS, targets=(("A", -0.1), ("B", 1.0)))


def test_a_holding_outside_the_market_is_refused(closes: Market) -> None:
    with pytest.raises(InvalidParameter, match="ZZZ"):
        propose(replace(holdings(), units={"ZZZ": Decimal(1)}), Policy(), closes, SIDEWAYS)


def test_the_same_input_gives_the_same_proposal(closes: Market) -> None:
    assert propose(holdings(), Policy(), closes, BEAR) == propose(holdings(), Policy(), closes, BEAR)
