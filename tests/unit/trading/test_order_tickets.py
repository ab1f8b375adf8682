"""What a wish becomes, what is wrong with it, and what a change means for its family."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from lakehouse.trading.family import consequences
from lakehouse.trading.lots import slice_of
from lakehouse.trading.machine import Accept, Cancel, Expire, Filled, Hold, Reduce, apply
from lakehouse.trading.order import Leg, Order, OrderClass, OrderType, Side, Status, TimeInForce
from lakehouse.trading.sessions import IMMEDIATE, expiry, session_close
from lakehouse.trading.ticket import BadForm, Exit, Ticket, check_form, count_of, orders_of
from tests.factories.orders import NOW, making, order, order_id, ticket

PROFIT, LOSS = Exit(limit_price=Decimal(120)), Exit(stop_price=Decimal(90))
BRACKET = ticket(order_class=OrderClass.BRACKET, take_profit=PROFIT, stop_loss=LOSS)
OCO = ticket(
    order_class=OrderClass.OCO,
    side=Side.SELL,
    type=OrderType.MARKET,
    limit_price=None,
    take_profit=PROFIT,
    stop_loss=LOSS,
)


TRAIL = replace(LOSS, trail_percent=Decimal(2))
TRAILING = ticket(type=OrderType.TRAILING_STOP, limit_price=None, trail_amount=Decimal("2.5"))


@pytest.mark.parametrize(
    ("wish", "rule"),
    [
        (ticket(limit_price=None), "limit_price_missing"),
        (ticket(type=OrderType.MARKET), "limit_price_without_use"),
        (ticket(type=OrderType.STOP, limit_price=None), "stop_price_missing"),
        (ticket(stop_price=Decimal(1)), "stop_price_without_use"),
        (ticket(take_profit=PROFIT), "legs_without_class"),
        (ticket(order_class=OrderClass.BRACKET, take_profit=PROFIT), "legs_missing"),
        (ticket(order_class=OrderClass.OCO, take_profit=PROFIT, stop_loss=LOSS), "oco_has_no_entry"),
        (ticket(time_in_force=TimeInForce.GTD), "expiry"),
        (ticket(expires_at=NOW), "expiry"),
        (replace(BRACKET, time_in_force=TimeInForce.FOK), "legs_need_time"),
        (ticket(lots=((order_id(1), Decimal(10)),)), "lots_without_sale"),
        (ticket(side=Side.SELL, lots=((order_id(1), Decimal(9)),)), "lots_do_not_add_up"),
        (ticket(side=Side.SELL, lots=((order_id(1), Decimal(5)), (order_id(1), Decimal(5)))), "duplicate_lots"),
        (ticket(type=OrderType.TRAILING_STOP, limit_price=None), "trail"),
        (ticket(trail_amount=Decimal(1)), "trail"),
        (replace(TRAILING, trail_percent=Decimal(1)), "trail"),
        (replace(TRAILING, limit_price=Decimal(1)), "limit_price_without_use"),
        (replace(BRACKET, stop_loss=replace(TRAIL, limit_price=Decimal(80))), "trail"),
        (replace(BRACKET, stop_loss=replace(TRAIL, trail_amount=Decimal(1))), "trail"),
    ],
)  # fmt: skip
def test_fields_that_do_not_go_together_are_refused_by_name(wish: Ticket, rule: str) -> None:
    with pytest.raises(BadForm) as refused:
        check_form(wish)
    assert refused.value.rule == rule


def test_a_bracket_is_an_entry_and_two_legs_on_the_other_side() -> None:
    check_form(BRACKET)
    entry, profit, loss = orders_of(BRACKET, making(count_of(BRACKET)))
    assert (entry.leg, entry.side, entry.parent_id) == (Leg.ENTRY, Side.BUY, None)
    assert (profit.type, profit.side, profit.parent_id) == (OrderType.TAKE_PROFIT, Side.SELL, entry.id)
    assert (loss.type, loss.stop_price, loss.oco_group) == (OrderType.STOP, Decimal(90), profit.oco_group)
    assert (profit.client_order_id, loss.client_order_id) == ("mine-1:take_profit", "mine-1:stop_loss")


def test_an_oco_is_two_legs_of_which_the_first_has_the_clients_id() -> None:
    check_form(OCO)
    profit, loss = orders_of(OCO, making(count_of(OCO)))
    assert (profit.client_order_id, profit.side, loss.side) == ("mine-1", Side.SELL, Side.SELL)
    assert (profit.parent_id, profit.oco_group == loss.oco_group) == (None, True)


def test_a_trailing_stop_starts_where_it_is_told_or_behind_the_last_price() -> None:
    def start(wish: Ticket, price: str | None = "100") -> Decimal | None:
        check_form(wish)
        made = replace(making(), reference_price=None if price is None else Decimal(price))
        return orders_of(wish, made)[0].stop_price

    sale = replace(TRAILING, side=Side.SELL)
    assert (start(TRAILING), start(sale)) == (Decimal("102.5"), Decimal("97.5"))
    assert start(replace(sale, trail_amount=None, trail_percent=Decimal(3))) == 97
    assert start(replace(sale, stop_price=Decimal(90)), None) == 90
    for price, rule in ((None, "no_price"), ("2.5", "trail")):
        with pytest.raises(BadForm) as refused:
            start(sale, price)
        assert refused.value.rule == rule


def test_the_stop_loss_of_a_bracket_may_trail() -> None:
    wish = replace(BRACKET, stop_loss=TRAIL)
    check_form(wish)
    loss = orders_of(wish, making(3))[2]
    assert (loss.type, loss.stop_price, loss.trail_percent) == (OrderType.TRAILING_STOP, LOSS.stop_price, Decimal(2))


def test_a_wish_without_a_trail_has_the_digest_that_it_had_before_there_were_trails() -> None:
    assert ticket().digest.hex()[:8] == "eff77a2b"
    assert replace(BRACKET, stop_loss=TRAIL).digest != BRACKET.digest


def test_equal_wishes_have_equal_digests_however_their_numbers_are_written() -> None:
    assert ticket(quantity=Decimal("10.0")).digest == ticket(quantity=Decimal("1e1")).digest
    assert ticket(quantity=Decimal("10.1")).digest != ticket().digest


def held_bracket() -> tuple[Order, Order, Order]:
    entry, profit, loss = orders_of(BRACKET, making(3))
    return apply(entry, Accept()), apply(profit, Hold()), apply(loss, Hold())


def test_legs_work_when_the_entry_is_filled_and_not_before() -> None:
    entry, profit, loss = held_bracket()
    partly = apply(entry, Filled(quantity=Decimal(3), price=Decimal(99)))
    assert consequences(partly, (profit, loss)) == []
    full = apply(partly, Filled(quantity=Decimal(7), price=Decimal(99)))
    assert consequences(full, (entry, profit, loss)) == [(profit, Accept()), (loss, Accept())]


def test_legs_end_with_their_entry() -> None:
    entry, profit, loss = held_bracket()
    ended = consequences(apply(entry, Cancel("asked")), (profit, loss))
    assert [event for _, event in ended] == [Cancel("entry_ended")] * 2
    assert [event for _, event in consequences(apply(entry, Expire()), (profit, loss))] == [Expire(), Expire()]


def test_one_leg_reduces_the_other_by_what_it_is_filled_with_and_cancels_it_at_the_end() -> None:
    profit, loss = (apply(each, Accept()) for each in orders_of(OCO, making(2)))
    partly = apply(loss, Filled(quantity=Decimal(4), price=Decimal(90)))
    assert consequences(partly, (profit, loss)) == [(profit, Reduce(Decimal(6)))]
    full = apply(partly, Filled(quantity=Decimal(6), price=Decimal(90)))
    assert consequences(full, (profit,)) == [(profit, Cancel("oco_sibling_filled"))]
    assert consequences(apply(loss, Cancel("asked")), (profit,)) == [(profit, Cancel("oco_sibling_ended"))]


def test_orders_without_family_change_nothing_else() -> None:
    stranger = order(id=order_id(7), status=Status.ACCEPTED)
    assert consequences(apply(order(status=Status.ACCEPTED), Cancel("asked")), (stranger,)) == []


def test_a_day_ends_at_the_close_of_the_exchange_also_over_a_weekend() -> None:
    friday_evening = datetime(2026, 2, 27, 22, 0, tzinfo=UTC)
    assert session_close("XNYS", NOW) == datetime(2026, 3, 2, 21, 0, tzinfo=UTC)
    assert session_close("XNYS", friday_evening) == datetime(2026, 3, 2, 21, 0, tzinfo=UTC)


def test_a_venue_without_calendar_has_days_that_end_at_midnight() -> None:
    assert session_close("NOPE", NOW) == datetime(2026, 3, 3, tzinfo=UTC)


def test_each_time_in_force_has_its_end() -> None:
    close, given = NOW + timedelta(hours=6), NOW + timedelta(days=9)
    ends = {each: expiry(each, now=NOW, close=close, given=given) for each in TimeInForce}
    assert ends == {
        TimeInForce.DAY: close,
        TimeInForce.GTC: None,
        TimeInForce.GTD: given,
        TimeInForce.IOC: NOW + IMMEDIATE,
        TimeInForce.FOK: NOW + IMMEDIATE,
    }


def test_a_partial_fill_takes_the_named_lots_in_their_order() -> None:
    first, second = UUID(int=1), UUID(int=2)
    named = ((first, Decimal(4)), (second, Decimal(6)))
    assert slice_of(named, start=Decimal(0), quantity=Decimal(3)) == ((first, Decimal(3)),)
    assert slice_of(named, start=Decimal(3), quantity=Decimal(5)) == ((first, Decimal(1)), (second, Decimal(4)))
    assert slice_of(named, start=Decimal(8), quantity=Decimal(2)) == ((second, Decimal(2)),)
