"""While trading is stopped open orders stand still at the simulated venue; then they go on. So does a replay."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest

from lakehouse.trading.order import Order, OrderType, Side, TimeInForce
from lakehouse.trading.venue import EVERYBODY, Terms
from streaming.hot.changes import HALTS, ORDERS, PORTFOLIOS, SYMBOLS, Change
from streaming.hot.desk import SimulatedDesk
from streaming.hot.desk_hours import always_open
from streaming.hot.desk_orders import plain_of
from streaming.hot.effects import Dealt
from streaming.hot.journal import Standing, change_of, change_to_text, pack, unpack
from streaming.hot.processor import Core, State
from tests.factories.hot_desk import START_US, Tick, an_order, batch_of, opened, quote, trade

OTHER = UUID(int=77)


def a_core(state: State | None = None) -> Core:
    return Core(SimulatedDesk(Terms(), always_open), state)


def begun(*orders: Order) -> Core:
    core = a_core()
    held: dict[str, dict[str, object]] = {}
    for order in orders:
        held.setdefault(str(order.portfolio_id), {})[str(order.id)] = plain_of(opened(order))
    core.change({SYMBOLS: {"AAPL": "USD"}, PORTFOLIOS: dict.fromkeys(held, "USD"), ORDERS: dict(held)})
    return core


def told(core: Core, change: Change) -> None:
    """The change, as the journal gives it back."""
    core.change(change_of(change_to_text(change)))


def played(core: Core, number: int, *ticks: Tick) -> Dealt:
    """The ticks at second `number`; AAPL is at place 1 of the core's symbols."""
    placed = [replace(tick, symbol=1, at=number * 1_000_000 + step) for step, tick in enumerate(ticks)]
    return core.play(batch_of(placed, first_offset=10 * number)).effects.dealt


def filled(dealt: Dealt) -> Sequence[UUID]:
    return [fill.order_id for fill in dealt.fills]


@pytest.mark.parametrize("whom", [EVERYBODY, str(an_order().portfolio_id)])
def test_nothing_fills_while_trading_is_stopped_and_then_it_goes_on(whom: str) -> None:
    market, limit = an_order(1), an_order(2, limit="101")
    core = begun(market, limit)
    told(core, {HALTS: {whom: True}})
    assert not played(core, 1, quote(99, 100), trade(99), quote(98, 99))
    assert len(core.desk.orders) == 2
    told(core, {HALTS: {whom: None}})
    assert filled(played(core, 2, quote(100, 102))) == [market.id]
    assert filled(played(core, 3, quote(99, 100))) == [limit.id]


def test_a_halt_is_of_those_whom_it_names() -> None:
    ours, theirs = an_order(1), an_order(2, portfolio_id=OTHER)
    core = begun(ours, theirs)
    told(core, {HALTS: {str(OTHER): True}})
    assert filled(played(core, 1, quote(99, 100))) == [ours.id]
    told(core, {HALTS: {str(OTHER): True, EVERYBODY: True}})
    told(core, {HALTS: {str(OTHER): None}})
    assert not played(core, 2, quote(99, 100)), "the other switch holds"


def test_no_stop_is_set_off_and_none_trails_meanwhile() -> None:
    stop = an_order(1, Side.SELL, stop="95")
    trails = an_order(2, Side.SELL, stop="95", type=OrderType.TRAILING_STOP, trail_amount=Decimal(5))
    core = begun(stop, trails)
    told(core, {HALTS: {EVERYBODY: True}})
    before = core.desk.orders
    assert not played(core, 1, trade(94), trade(120), quote(93, 94))
    assert core.desk.orders == before
    told(core, {HALTS: {EVERYBODY: None}})
    assert not played(core, 2, trade(100), quote(99.0, 100.0))
    assert filled(played(core, 3, trade(95), quote(94.0, 95.0))) == [stop.id, trails.id]


def test_an_order_that_is_good_at_once_ends_instead_of_filling_later() -> None:
    core = begun(an_order(1, tif=TimeInForce.IOC), an_order(2, limit="101", tif=TimeInForce.FOK))
    told(core, {HALTS: {EVERYBODY: True}})
    dealt = played(core, 1, quote(99, 100))
    assert (len(dealt.fills), len(dealt.ended)) == (0, 2)


def test_a_halt_that_was_lifted_before_it_was_seen_holds_in_ticks_of_before_that() -> None:
    market, stop = an_order(1), an_order(2, Side.SELL, stop="95", portfolio_id=OTHER)
    core = begun(market, stop)
    told(core, {HALTS: {EVERYBODY: START_US + 2_000_000, str(OTHER): START_US + 3_000_000}})
    assert not played(core, 1, trade(94), quote(99, 100))
    assert filled(played(core, 2, quote(99, 100), trade(94))) == [market.id], "the other one was lifted later"
    assert filled(played(core, 3, trade(96), quote(96, 97), trade(95), quote(94, 95))) == [stop.id]


def test_a_state_and_a_replay_know_who_stands_still() -> None:
    order = an_order()
    first = begun(order)
    told(first, {HALTS: {EVERYBODY: True}})
    again = a_core(unpack(pack(Standing(first.state(), (0,)))).state)
    for core in (first, again):
        assert not played(core, 1, quote(99, 100))
        told(core, {HALTS: {EVERYBODY: None}})
    assert played(first, 2, quote(99, 100)) == played(again, 2, quote(99, 100)) != Dealt()
