"""Every pre-trade rule refuses by its name, and says the limit and the order in the way."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from lakehouse.trading.checks import Limits, Working, violation
from lakehouse.trading.order import OrderClass, OrderType, Side, TimeInForce
from lakehouse.trading.reservation import cash_needed
from lakehouse.trading.ticket import Exit, Ticket, at_once, count_of, orders_of
from tests.factories.orders import NOW, facts, making, order, order_id, ticket

MARKET: dict[str, Any] = {"type": OrderType.MARKET, "limit_price": None}
COLLAR, POSITION = Limits(price_collar=Decimal("0.1")), Limits(position_notional=Decimal(1000))
SHORT: dict[str, Any] = {"allows_short": True, "units": Decimal(0)}
OWED: dict[str, Any] = {**SHORT, "held": Decimal(-10), "units": Decimal(10), "freed_a_unit": Decimal(9000)}


def bracket(**changes: Any) -> Ticket:
    legs = {"take_profit": Exit(limit_price=Decimal(120)), "stop_loss": Exit(stop_price=Decimal(90))}
    return ticket(**{"order_class": OrderClass.BRACKET, **legs, **changes})


def rule_of(wish: Ticket, **known: Any) -> str | None:
    orders = orders_of(wish, making(count_of(wish)))
    found = violation(orders, at_once(orders), facts(**known))
    return None if found is None else found.rule


@pytest.mark.parametrize(
    ("wish", "known", "rule"),
    [
        (ticket(), {}, None),
        (ticket(), {"account_status": "closed"}, "account_closed"),
        (ticket(), {"instrument_status": "draft"}, "instrument_draft"),
        (ticket(), {"instrument_status": "delisted"}, "instrument_delisted"),
        (ticket(**MARKET), {"price": None}, "no_price"),
        (ticket(**MARKET), {"price_age": timedelta(minutes=15), "cash_minor": 10**9}, None),
        (ticket(**MARKET), {"price_age": timedelta(minutes=15, seconds=1)}, "price_stale"),
        (ticket(**MARKET), {"price_age": None}, "price_stale"),
        (bracket(**MARKET), {"price_age": timedelta(days=3)}, "price_stale"),
        (ticket(), {"price_age": timedelta(days=3)}, None),
        (ticket(), {"price": None}, None),
        (ticket(quantity=Decimal(2_000_000_000)), {}, "quantity_bounds"),
        (ticket(quantity=Decimal(100_000_000)), {}, "notional_bounds"),
        (ticket(limit_price=Decimal(1001)), {"cash_minor": 10**9}, "price_sanity"),
        (ticket(limit_price=Decimal("9.99")), {}, "price_sanity"),
        (ticket(), {"halted": "a drill"}, "trading_halted"),
        (ticket(time_in_force=TimeInForce.IOC), {"is_open": False}, "market_closed"),
        (ticket(time_in_force=TimeInForce.FOK), {"is_open": True}, None),
        (ticket(time_in_force=TimeInForce.DAY), {"is_open": False}, None),
        (ticket(), {"limits": Limits(order_notional=Decimal("999.99"))}, "notional_bounds"),
        (ticket(), {"limits": Limits(order_notional=Decimal(1000))}, None),
        (ticket(), {"limits": POSITION}, None),
        (ticket(), {"limits": POSITION, "held": Decimal("0.01")}, "position_bounds"),
        (ticket(side=Side.SELL), {"limits": POSITION, "held": Decimal(100)}, None),
        (ticket(side=Side.SELL), {**SHORT, "limits": POSITION, "held": Decimal(-1)}, "position_bounds"),
        (ticket(limit_price=Decimal("110")), {"limits": COLLAR, "cash_minor": 10**9}, None),
        (ticket(limit_price=Decimal("110.01")), {"limits": COLLAR, "cash_minor": 10**9}, "price_collar"),
        (ticket(limit_price=Decimal("50")), {"limits": COLLAR}, None),
        (ticket(side=Side.SELL, limit_price=Decimal("89.99")), {"limits": COLLAR}, "price_collar"),
        (ticket(side=Side.SELL, limit_price=Decimal("150")), {"limits": COLLAR}, None),
        (
            ticket(type=OrderType.STOP_LIMIT, stop_price=Decimal(120), limit_price=Decimal(131)),
            {"limits": COLLAR, "cash_minor": 10**9},
            None,
        ),
        (
            ticket(type=OrderType.STOP_LIMIT, stop_price=Decimal(120), limit_price=Decimal("132.01")),
            {"limits": COLLAR, "cash_minor": 10**9},
            "price_collar",
        ),
        (ticket(), {"cash_minor": 100_099}, "buying_power"),
        (ticket(), {"cash_minor": 100_100}, None),
        (ticket(side=Side.SELL), {"units": Decimal(9)}, "holdings"),
        (ticket(side=Side.SELL), {"units": Decimal(10)}, None),
        (ticket(side=Side.SELL), {"units": Decimal(0)}, "short_not_allowed"),
        (ticket(side=Side.SELL), {"units": Decimal(0), "allows_short": True}, None),
        # A short sale keeps back half of its worth besides what it brings; a limit below the market is filled there.
        (ticket(side=Side.SELL), {**SHORT, "cash_minor": 50_000}, None),
        (ticket(side=Side.SELL), {**SHORT, "cash_minor": 49_999}, "short_collateral"),
        (ticket(side=Side.SELL, limit_price=Decimal(80)), {**SHORT, "cash_minor": 49_999}, "short_collateral"),
        (ticket(side=Side.SELL, **MARKET), {**SHORT, "cash_minor": 52_500}, None),
        (ticket(side=Side.SELL, **MARKET), {**SHORT, "cash_minor": 52_499}, "short_collateral"),
        # What is held is sold first, and a short position is bought back first: no order crosses zero.
        (ticket(side=Side.SELL), {**SHORT, "held": Decimal(9), "units": Decimal(9)}, "holdings"),
        (ticket(side=Side.SELL), {**SHORT, "held": Decimal(10), "units": Decimal(10), "cash_minor": 0}, None),
        (ticket(), {**SHORT, "held": Decimal(-9), "units": Decimal(9)}, "short_cover"),
        (ticket(), {**SHORT, "held": Decimal(-30), "units": Decimal(9)}, "short_cover"),
        # Buying back draws on the collateral that it frees: here 90.00 a unit, for 100.10 with fees.
        (ticket(), {**OWED, "cash_minor": 10_102}, None),
        (ticket(), {**OWED, "cash_minor": 10_101}, "buying_power"),
        (ticket(), {**OWED, "freed_a_unit": Decimal(15_000), "cash_minor": 0}, None),
        (ticket(type=OrderType.STOP, limit_price=None, stop_price=Decimal(99)), {}, "stop_side"),
        (ticket(type=OrderType.STOP, limit_price=None, stop_price=Decimal(101)), {"cash_minor": 10**9}, None),
        (bracket(), {}, None),
        (bracket(stop_loss=Exit(stop_price=Decimal(120))), {}, "duplicate_legs"),
        (bracket(stop_loss=Exit(stop_price=Decimal(101))), {}, "bracket_prices"),
        (bracket(take_profit=Exit(limit_price=Decimal(99))), {}, "bracket_prices"),
        (bracket(take_profit=Exit()), {}, "bracket_prices"),
    ],
)
def test_a_rule_refuses_by_its_name(wish: Ticket, known: dict[str, Any], rule: str | None) -> None:
    assert rule_of(wish, **known) == rule


def test_a_stale_price_is_told_with_its_time_its_age_and_what_to_do() -> None:
    stale = order(type=OrderType.MARKET, limit_price=None)
    found = violation((stale,), (stale,), facts(price_at=NOW - timedelta(days=3), price_age=timedelta(hours=13)))
    assert found is not None
    assert (found.rule, found.limit) == ("price_stale", "15 minutes")
    for told in ("AAPL", "2026-02-27T15:00:00Z", "13 hours old", "at most 15 minutes", "place a limit order"):
        assert told in found.detail


def test_an_order_that_has_lapsed_already_is_refused() -> None:
    lapsed = order(expires_at=NOW - timedelta(seconds=1))
    found = violation((lapsed,), (lapsed,), facts())
    assert found is not None
    assert found.rule == "expired"


def test_an_order_against_ones_own_is_refused_and_names_it() -> None:
    mine = Working(id=order_id(5), side=Side.SELL, price=Decimal(100))
    found = violation((order(),), (order(),), facts(working=(mine,)))
    assert found is not None
    assert (found.rule, found.limit, found.conflicting_order_id) == ("wash_trade", "100", order_id(5))


def test_ones_own_order_on_the_same_side_is_not_in_the_way() -> None:
    same = Working(id=order_id(5), side=Side.BUY, price=Decimal(100))
    assert violation((order(),), (order(),), facts(working=(same,))) is None


@pytest.mark.parametrize("price", [Decimal(101), Decimal(119)])
def test_ones_own_take_profit_out_of_reach_is_not_in_the_way(price: Decimal) -> None:
    away = Working(id=order_id(5), side=Side.SELL, price=price)
    assert violation((order(),), (order(),), facts(working=(away,))) is None


def test_a_purchase_keeps_back_its_limit_and_a_fee_and_a_sale_no_cash() -> None:
    assert cash_needed(order(), Decimal(1)) == 100_100
    assert cash_needed(order(), Decimal(100)) == 10_010_000
    assert cash_needed(order(side=Side.SELL), Decimal(1)) == 0


def test_a_market_order_keeps_back_five_per_cent_more_than_the_last_price() -> None:
    at_market = order(type=OrderType.MARKET, limit_price=None, reference_price=Decimal(100))
    assert cash_needed(at_market, Decimal(1)) == 105_105
