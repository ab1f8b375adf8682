"""A desk that stands where PostgreSQL does trades on; one that does not is found out, and mended by hand alone."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from lakehouse.trading.machine import Filled, apply
from lakehouse.trading.order import Order, Status
from lakehouse.trading.venue import Terms
from streaming.hot.changes import ORDERS, Sight
from streaming.hot.desk import SimulatedDesk
from streaming.hot.desk_hours import always_open
from streaming.hot.desk_orders import plain_of
from streaming.hot.effects import JsonObject
from streaming.hot.reconcile import accepted, contradictions, suspended, without_orders
from tests.factories.hot_desk import SYMBOLS, a_bracket, an_order, batch_of, opened, quote, trade

ORDER = an_order()
PART = apply(ORDER, Filled(quantity=Decimal(4), price=Decimal(100)))


def told(*orders: Order) -> list[JsonObject]:
    return [plain_of(opened(order)) for order in orders]


def sight(*orders: Order) -> Sight:
    by_id = {str(plain["id"]): plain for plain in told(*orders)}
    return Sight({ORDERS: {str(ORDER.portfolio_id): by_id}})


def a_desk(*orders: Order) -> SimulatedDesk:
    desk = SimulatedDesk(Terms(), always_open)
    desk.restate(told(*orders))
    return desk


def meet(desk: SimulatedDesk, change: dict[str, dict[str, object]]) -> None:
    """As the core tells the desk."""
    plain: Sequence[JsonObject] = [
        each for held in change[ORDERS].values() if isinstance(held, dict) for each in held.values()
    ]
    desk.restate(plain)


def test_a_desk_that_has_dealt_what_is_booked_contradicts_nothing() -> None:
    desk = a_desk(ORDER)
    desk.play(batch_of([quote(99, 100, size=4)]), SYMBOLS)
    assert contradictions(desk, sight(PART)) == []
    assert contradictions(a_desk(), sight()) == []


def test_what_no_event_explains_is_named() -> None:
    dealt = a_desk(ORDER)
    dealt.play(batch_of([quote(99, 100, size=4)]), SYMBOLS)
    (unbooked,) = contradictions(dealt, sight(ORDER))
    assert "partially_filled with 6 units left at version 3 at the desk, accepted with 10 at 2" in unbooked
    assert "not in PostgreSQL" in contradictions(dealt, sight())[0]
    assert "not at the desk" in contradictions(a_desk(), sight(ORDER))[0]
    other = replace(ORDER, quantity=Decimal(11))
    assert len(contradictions(a_desk(ORDER), sight(other))) == 1, "the same version with other units"


def test_only_by_hand_does_postgresql_overrule_the_desk() -> None:
    desk = a_desk(ORDER)
    desk.play(batch_of([quote(99, 100, size=4)]), SYMBOLS)
    meet(desk, {ORDERS: dict(sight(ORDER)[ORDERS])})
    assert contradictions(desk, sight(ORDER)) != [], "what is read without more is taken for old"
    meet(desk, accepted(sight(ORDER)))
    assert contradictions(desk, sight(ORDER)) == []


def test_a_desk_that_was_suspended_stays_so_over_a_restart_until_it_is_overruled() -> None:
    desk, seen = a_desk(ORDER), sight(ORDER)
    change = suspended(seen)
    assert change == {ORDERS: {str(ORDER.portfolio_id): None}}
    desk.leave([str(ORDER.id)])
    again = SimulatedDesk(Terms(), always_open)
    again.recall(desk.memory())
    again.restate(told(ORDER))
    assert contradictions(again, seen) != []
    meet(again, accepted(seen))
    assert contradictions(again, seen) == []
    assert without_orders({**change, "cash": {}}) == {"cash": {}}


def test_legs_whose_entry_was_not_filled_after_all_wait_again() -> None:
    entry, *legs = a_bracket(10, profit="104", loss="96")
    desk = a_desk(entry, *legs)
    desk.play(batch_of([quote(89, 90, at=5), trade(90, at=6, seq=1)]), SYMBOLS)
    assert [each.order.status for each in desk.orders.values()] == [Status.ACCEPTED, Status.ACCEPTED]

    stored = [opened(replace(leg, version=leg.version + 1)) for leg in legs]
    desk.restate([plain_of(each, is_final=True) for each in stored])

    assert [(each.order.status, each.resting.awake) for each in desk.orders.values()] == [(Status.HELD, False)] * 2
