"""The trail of a trailing stop, replaced in PostgreSQL."""

from decimal import Decimal

import pytest

from lakehouse.stores.books.order_replacing import Wish
from lakehouse.trading.order import OrderType, Side, Status
from lakehouse.trading.ticket import BadForm
from tests.factories.trading import PRICE, Desk, buy, wish


def test_a_replacement_trails_another_way_from_the_last_price_on(desk: Desk) -> None:
    buy(desk, 10)
    ticket = wish(desk, side=Side.SELL, type=OrderType.TRAILING_STOP, limit_price=None, trail_amount=Decimal(5))
    placed = desk.place(ticket).order_id
    kept = desk.order(desk.replace(placed, Wish(quantity=Decimal(9))))
    assert (kept.stop_price, kept.trail_amount, kept.trail_percent) == (Decimal(95), Decimal(5), None)
    percent = desk.order(desk.replace(kept.id, Wish(trail_percent=Decimal(2))))
    assert (percent.stop_price, percent.trail_amount, percent.trail_percent) == (Decimal(98), None, Decimal(2))
    told = desk.order(desk.replace(percent.id, Wish(trail_amount=Decimal(3), stop_price=Decimal(90))))
    assert (told.stop_price, told.trail_amount, told.trail_percent) == (Decimal(90), Decimal(3), None)
    for both in (Wish(trail_amount=Decimal(1), trail_percent=Decimal(1)), Wish(trail_amount=PRICE)):
        with pytest.raises(BadForm, match="trail"):
            desk.replace(told.id, both)
    assert desk.order(told.id).status is Status.ACCEPTED
    with pytest.raises(BadForm, match="neither"):
        desk.replace(desk.place(wish(desk)).order_id, Wish(trail_amount=Decimal(1)))


@pytest.mark.parametrize(
    ("side", "trail", "price", "stop"),
    [
        (Side.SELL, 5, 150, 145),
        (Side.SELL, 5, 98, 95),
        (Side.SELL, 60, 55, 40),  # the trail is longer than the price
        (Side.BUY, 5, 80, 85),
        (Side.BUY, 5, 102, 105),
    ],
)
def test_a_trail_that_is_left_as_it_was_begins_anew_and_never_further_away(
    desk: Desk, side: Side, trail: int, price: int, stop: int
) -> None:
    buy(desk, 10)
    ticket = wish(desk, side=side, type=OrderType.TRAILING_STOP, limit_price=None, trail_amount=Decimal(trail))
    placed = desk.place(ticket).order_id
    desk.rows("UPDATE market.realtime_symbols SET price = %(price)s WHERE symbol = 'AAPL' RETURNING 1", price=price)
    try:
        new = desk.order(desk.replace(placed, Wish(quantity=Decimal(9))))
    finally:
        desk.rows("UPDATE market.realtime_symbols SET price = 100 WHERE symbol = 'AAPL' RETURNING 1")
    assert (new.stop_price, new.trail_amount) == (Decimal(stop), Decimal(trail))
