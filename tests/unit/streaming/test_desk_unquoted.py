"""A feed of trades alone: orders without a limit are filled by trades, where nobody has quoted the symbol of late."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from lakehouse.settings import Settings
from lakehouse.trading.costs import Slippage
from lakehouse.trading.order import Order, Side, TimeInForce
from lakehouse.trading.venue import Terms
from streaming.hot.desk import SimulatedDesk
from streaming.hot.desk_hours import always_open
from streaming.hot.desk_orders import plain_of
from streaming.hot.desk_settings import QUOTE_AGE_US, terms_of
from streaming.hot.effects import Dealt
from tests.factories.hot_desk import START_US, SYMBOLS, Tick, an_order, batch_of, opened, quote, trade

D = Decimal
AGE = 60_000_000
TERMS = Terms(slippage=Slippage(fixed_bps=D(10)), quote_age_us=AGE)


def a_desk(*orders: Order, terms: Terms = TERMS) -> SimulatedDesk:
    desk = SimulatedDesk(terms, always_open)
    desk.restate([plain_of(opened(order, since_us=START_US + 5)) for order in orders])
    return desk


def dealt(desk: SimulatedDesk, *ticks: Tick, offset: int = 0) -> Sequence[tuple[Decimal, Decimal, int]]:
    """Quantity, price and time of what was filled."""
    found: Dealt = desk.play(batch_of(ticks, first_offset=offset), SYMBOLS)
    return [(fill.quantity, fill.price, fill.at_us - START_US) for fill in found.fills]


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, D("100.1")), (Side.SELL, D("99.9"))])
def test_the_first_trade_since_the_order_fills_it_with_slippage(side: Side, price: Decimal) -> None:
    desk = a_desk(an_order(1, side))
    found = dealt(desk, trade(90, at=4), trade(100, size=4, at=5), trade(100, at=6))
    assert found == [(D(4), price, 5), (D(6), price, 6)]


def test_a_stop_that_a_trade_sets_off_is_filled_by_the_next_one() -> None:
    desk = a_desk(an_order(1, Side.SELL, stop="95"))
    assert dealt(desk, trade(95, at=6), trade(94, at=7)) == [(D(10), D("93.906"), 7)]


def test_where_there_are_quotes_it_waits_for_one_until_they_are_too_old() -> None:
    desk = a_desk(an_order(1))
    assert dealt(desk, quote(99, 100, size=0, at=6), trade(98, at=7), trade(98, at=6 + AGE)) == []
    assert dealt(desk, trade(98, at=7 + AGE), offset=3) == [(D(10), D("98.098"), 7 + AGE)]


def test_quotes_of_before_the_order_count_and_a_message_with_both_is_a_quote() -> None:
    desk = a_desk()
    assert dealt(desk, quote(99, 100, at=1)) == []
    desk.restate([plain_of(opened(an_order(1), since_us=START_US + 2))])
    assert dealt(desk, trade(98, at=8), offset=1) == []
    both = replace(quote(99, 101, at=9 + 2 * AGE), price=98.0, size=5.0)
    assert [price for _, price, _ in dealt(desk, both, offset=2)] == [D("101.101")]


def test_what_nobody_can_take_is_no_quote() -> None:
    desk = a_desk(an_order(1))
    assert dealt(desk, quote(101, 100, at=6), trade(98, at=7)) == [(D(10), D("98.098"), 7)]


def test_good_at_once_ends_with_the_trade_that_could_have_filled_it() -> None:
    desk = a_desk(an_order(1, tif=TimeInForce.IOC))
    found = desk.play(batch_of([trade(100, size=4, at=6), trade(100, at=7)]), SYMBOLS)
    assert ([fill.quantity for fill in found.fills], len(found.ended)) == ([D(4)], 1)


@pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.FOK])
def test_a_limit_that_is_good_at_once_ends_with_a_trade_beyond_it_where_nobody_quotes(tif: TimeInForce) -> None:
    desk = a_desk(an_order(1, limit="99", tif=tif))
    desk.play(batch_of([quote(100, 101, at=2)]), SYMBOLS)
    quoted = desk.play(batch_of([trade(100, at=6)], first_offset=1), SYMBOLS)
    assert (quoted.fills, quoted.ended) == ((), ()), "a quote is still waited for"
    found = desk.play(batch_of([trade(100, at=3 + AGE), trade(98, at=4 + AGE)], first_offset=2), SYMBOLS)
    assert (found.fills, len(found.ended), desk.orders) == ((), 1, {})


def test_cuts_and_a_restart_change_nothing() -> None:
    ticks = [quote(99, 100, size=1, at=6), trade(98, at=7), trade(97, size=3, at=7 + AGE), trade(96, at=8 + AGE)]
    whole = dealt(a_desk(an_order(1)), *ticks)
    assert len(whole) == 3
    desk = a_desk(an_order(1))
    cut: list[tuple[Decimal, Decimal, int]] = []
    for number, tick in enumerate(ticks):
        cut += dealt(desk, tick, offset=number)
        again = SimulatedDesk(TERMS, always_open)
        again.recall(desk.memory())
        desk = again
    assert cut == whole


def test_terms_of_before_say_never_and_those_of_now_a_minute() -> None:
    assert dealt(a_desk(an_order(1), terms=replace(TERMS, quote_age_us=None)), trade(98, at=7)) == []
    assert terms_of(Settings().trading).quote_age_us == QUOTE_AGE_US == AGE
