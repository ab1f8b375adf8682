"""The vectorised gear, counted by hand."""

from dataclasses import replace

import numpy as np
import pytest

from lakehouse.backtest.market import Action, BadMarket, Market
from lakehouse.backtest.rules import BadRules, Costs, Fill, Rules
from lakehouse.backtest.vectorised import BadWishes, run_orders, run_weights
from lakehouse.risk.checks import FloatArray
from tests.factories.backtests import bars, flat

NONE = np.nan
PLAIN = Rules(initial_cash=1000.0)


def weights(*rows: float) -> FloatArray:
    return np.array(rows, dtype=np.float64)[:, None]


def test_a_decision_of_a_close_is_filled_at_the_next_open() -> None:
    market = bars((10, 10, 10, 10), (20, 25, 20, 25), (30, 30, 30, 30))
    result = run_orders(market, weights(10, NONE, NONE), PLAIN)
    assert result.trades.day.tolist() == [1]
    assert result.trades.price.tolist() == [20.0]
    assert result.equity.tolist() == [1000.0, 1000 - 200 + 250, 1000 - 200 + 300]


def test_or_at_the_next_close() -> None:
    market = bars((10, 10, 10, 10), (20, 25, 20, 25), (30, 30, 30, 30))
    result = run_orders(market, weights(10, NONE, NONE), replace(PLAIN, fill=Fill.NEXT_CLOSE))
    assert result.trades.price.tolist() == [25.0]


def test_a_decision_of_the_last_close_is_never_filled() -> None:
    result = run_orders(flat([10, 10]), weights(NONE, 5), PLAIN)
    assert (result.orders, len(result.trades)) == (1, 0)


def test_costs_are_commission_spread_and_a_minimum() -> None:
    costs = Costs(commission_bps=10, per_share=0.01, minimum=1.5, half_spread_bps=100)
    result = run_orders(flat([10, 10, 10]), weights(50, -10, NONE), replace(PLAIN, costs=costs))
    assert result.trades.price.tolist() == pytest.approx([10.1, 9.9])
    # 50 x 10.1 x 0.1 % + 50 x 0.01 = 1.005, and 0.199: both below the minimum.
    assert result.trades.fee.tolist() == [1.5, 1.5]
    assert result.cash[-1] == pytest.approx(1000 - 505 - 1.5 + 99 - 1.5)


def test_impact_grows_with_the_root_of_the_share_of_turnover() -> None:
    closes = 100 * np.cumprod(1 + 0.01 * np.where(np.arange(40) % 2, 1, -1))
    market = replace(flat(closes.tolist()), volume=np.full((40, 1), 1000.0))
    wishes = np.full((40, 1), NONE)
    wishes[30], wishes[32] = 1, 4
    rules = replace(PLAIN, initial_cash=1e6, costs=Costs(impact=1.0))
    trades = run_orders(market, wishes, rules).trades
    slips = trades.price / closes[trades.day] - 1
    assert slips[1] / slips[0] == pytest.approx(2.0, rel=0.02)


def test_cash_is_never_negative_without_leverage() -> None:
    market = bars((10, 10, 10, 10), (12, 12, 12, 12))
    result = run_weights(market, weights(1.0, NONE), replace(PLAIN, costs=Costs(commission_bps=100)))
    assert result.cash.min() >= 0
    assert result.trades.units[0] == pytest.approx((1000 - 1000 * 1.2 * 0.01) / 12)


def test_leverage_borrows_and_pays_for_it() -> None:
    rules = replace(PLAIN, max_gross=2.0, margin_spread=0.0252)
    market = replace(flat([10, 10, 10]), cash_rate=np.array([0.0, 0.0, 0.001]))
    result = run_weights(market, weights(2.0, NONE, NONE), rules)
    assert result.cash.tolist() == pytest.approx([1000, -1000, -1000 * (1 + 0.001 + 0.0001)])


def test_the_proceeds_of_a_short_sale_buy_nothing() -> None:
    result = run_weights(flat([10] * 3, [10] * 3), np.array([[1.0, -1.0]] * 3), PLAIN)
    held = np.abs(result.trades.amount).sum()
    assert held == pytest.approx(1000)


def test_shorts_pay_to_borrow_and_pay_dividends() -> None:
    rules = replace(PLAIN, borrow_rate=0.252)
    market = replace(flat([10, 10, 10]), actions=(Action(2, 0, 1.0, 0.5),))
    result = run_orders(market, weights(-10, NONE, NONE), rules)
    assert result.cash[-1] == pytest.approx(1100 - 100 * 0.001 - 5)


def test_a_split_changes_units_and_not_wealth() -> None:
    market = replace(flat([10, 10, 5, 5]), actions=(Action(2, 0, 2.0, 0.0),))
    result = run_orders(market, weights(10, 10, NONE, NONE), PLAIN)
    # The order for 10 of the old units becomes one for 20 of the new ones.
    assert result.trades.units.tolist() == [10.0, 20.0]
    assert result.equity.tolist() == [1000.0] * 4


def test_a_dividend_is_paid_to_who_held_before_the_day() -> None:
    market = replace(flat([10, 10, 10]), actions=(Action(1, 0, 1.0, 1.0), Action(2, 0, 1.0, 1.0)))
    assert run_orders(market, weights(10, NONE, NONE), PLAIN).cash[-1] == 1000 - 100 + 10


def test_a_delisted_position_is_closed_at_its_last_price_and_return() -> None:
    market = replace(flat([10, 8, NONE, NONE], [5, 5, 5, 5]), delisting_return=np.array([-0.5, 0.0]))
    result = run_orders(market, np.array([[10, NONE]] + [[NONE, NONE]] * 3), PLAIN)
    assert result.trades.delisting.tolist() == [False, True]
    assert (result.trades.day[1], result.trades.price[1]) == (2, 4.0)
    assert result.equity.tolist() == [1000, 1000, 1000 - 80 + 40, 1000 - 80 + 40]


def test_an_order_on_a_day_without_a_trade_lapses() -> None:
    result = run_orders(flat([10, NONE, 10]), weights(10, NONE, NONE), PLAIN)
    assert (result.orders, len(result.trades)) == (1, 0)


def test_a_share_of_the_volume_is_the_most_that_is_filled() -> None:
    market = bars((10, 10, 10, 10), (10, 10, 10, 10), volume=100)
    result = run_orders(market, weights(50, NONE), replace(PLAIN, max_volume_share=0.1))
    assert result.trades.units.tolist() == [10.0]


def test_whole_lots_and_small_trades() -> None:
    result = run_weights(flat([30, 30, 30]), weights(1.0, NONE, NONE), replace(PLAIN, lot=10.0))
    assert result.trades.units.tolist() == [30.0]
    assert len(run_weights(flat([30, 30]), weights(0.01, NONE), replace(PLAIN, min_trade=20.0)).trades) == 0


def test_an_odd_lot_is_sold_whole_where_credit_is_short() -> None:
    """After a reverse split 10 units are left of a lot of 100: their sale pays for what is bought beside."""
    market = replace(flat([1, 1, 10, 10], [10, 10, 10, 10.5]), actions=(Action(2, 0, 0.1),))
    wishes = np.full((4, 2), NONE)
    wishes[0, 0] = 0.2
    wishes[2] = 0.0, 1.0
    result = run_weights(market, wishes, replace(PLAIN, initial_cash=1000.0, lot=100.0))
    assert result.trades.units.tolist() == [200.0, -20.0]
    assert result.cash.min() >= 0


def test_cash_earns_interest() -> None:
    market = replace(flat([10, 10, 10]), cash_rate=np.array([0.5, 0.01, 0.02]))
    assert run_orders(market, weights(NONE, NONE, NONE), PLAIN).equity[-1] == pytest.approx(1000 * 1.01 * 1.02)


@pytest.mark.parametrize(
    "wrong",
    [
        {"survivorship": ""},
        {"volume": np.zeros((1, 1))},
        {"close": np.zeros((2, 1))},
        {"high": np.full((2, 1), 9.0)},
        {"actions": (Action(5, 0),)},
    ],
)
def test_a_market_that_contradicts_itself_is_refused(wrong: dict[str, object]) -> None:
    market = flat([10, 10])
    fields = {name: getattr(market, name) for name in Market.__slots__} | wrong
    with pytest.raises(BadMarket):
        Market(**fields)


def test_wishes_must_fit_and_rules_make_sense() -> None:
    with pytest.raises(BadWishes):
        run_orders(flat([10, 10]), np.zeros((3, 1)), PLAIN)
    with pytest.raises(BadWishes):
        run_weights(flat([10, 10]), weights(np.inf, 0), PLAIN)
    with pytest.raises(BadRules):
        Rules(initial_cash=0)
    with pytest.raises(BadRules):
        Rules(lot=-1)
    with pytest.raises(BadRules):
        Costs(commission_bps=-1)
