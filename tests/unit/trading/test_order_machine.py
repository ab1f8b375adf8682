"""Every status with every event: what the table allows happens, all else is refused."""

from decimal import Decimal
from itertools import product

import pytest

from lakehouse.trading.machine import (
    Accept,
    Adopt,
    AllOrNothing,
    Cancel,
    Event,
    Expire,
    Filled,
    Hold,
    NothingToReduce,
    Overfill,
    Reduce,
    Reject,
    Replace,
    apply,
    target,
)
from lakehouse.trading.order import MOVES, OPEN, InvalidTransition, Status, TimeInForce
from tests.factories.orders import order, order_id, order_in

EVENTS: tuple[Event, ...] = (
    Accept(reserved_minor=100_100),
    Hold(),
    Reject("buying_power"),
    Filled(quantity=Decimal(1), price=Decimal(99)),
    Filled(quantity=Decimal(6), price=Decimal(99)),
    Filled(quantity=Decimal(10), price=Decimal(99)),
    Cancel("asked"),
    Expire(),
    Replace(order_id(2)),
)


@pytest.mark.parametrize(("status", "event"), list(product(Status, EVENTS)), ids=str)
def test_an_event_moves_an_order_exactly_where_the_table_says(status: Status, event: Event) -> None:
    before = order_in(status)
    end = target(before, event)
    if (status, end) not in MOVES:
        with pytest.raises(InvalidTransition):
            apply(before, event)
        return
    if isinstance(event, Filled) and event.quantity > before.leaves:
        with pytest.raises(Overfill):
            apply(before, event)
        return
    after = apply(before, event)
    assert (after.status, after.version) == (end, before.version + 1)
    assert (after.status is Status.FILLED) == (after.leaves == 0)


def test_every_move_of_the_table_is_reached_by_an_event() -> None:
    reached = {(status, target(order_in(status), event)) for status, event in product(Status, EVENTS)}
    assert reached >= MOVES


def test_an_order_that_has_ended_never_moves_again() -> None:
    assert {start for start, _ in MOVES} == OPEN


def test_fills_average_their_price_by_units() -> None:
    once = apply(order(status=Status.ACCEPTED), Filled(quantity=Decimal(4), price=Decimal(90)))
    twice = apply(once, Filled(quantity=Decimal(6), price=Decimal(100)))
    assert (once.average_fill_price, once.leaves) == (Decimal(90), Decimal(6))
    assert (twice.average_fill_price, twice.status) == (Decimal(96), Status.FILLED)


def test_a_fill_releases_its_part_of_the_reservation_and_an_end_the_rest() -> None:
    working = order(status=Status.ACCEPTED, reserved_minor=100_101, reserved_quantity=Decimal(10))
    partly = apply(working, Filled(quantity=Decimal(7), price=Decimal(90)))
    assert (partly.reserved_minor, partly.reserved_quantity) == (30_031, Decimal(3))
    ended = apply(partly, Cancel("asked"))
    assert (ended.reserved_minor, ended.reserved_quantity, ended.status_reason) == (0, Decimal(0), "asked")


def test_an_overfill_is_refused() -> None:
    with pytest.raises(Overfill):
        apply(order_in(Status.PARTIALLY_FILLED), Filled(quantity=Decimal(7), price=Decimal(1)))


def test_fill_or_kill_takes_all_or_nothing() -> None:
    working = order(status=Status.ACCEPTED, time_in_force=TimeInForce.FOK)
    with pytest.raises(AllOrNothing):
        apply(working, Filled(quantity=Decimal(9), price=Decimal(1)))
    assert apply(working, Filled(quantity=Decimal(10), price=Decimal(1))).status is Status.FILLED


def test_a_reduction_changes_the_quantity_and_not_the_status() -> None:
    working = order(status=Status.ACCEPTED, reserved_quantity=Decimal(10))
    reduced = apply(working, Reduce(Decimal(4)))
    assert (reduced.quantity, reduced.reserved_quantity, reduced.status, reduced.version) == (
        Decimal(4),
        Decimal(4),
        Status.ACCEPTED,
        working.version + 1,
    )


@pytest.mark.parametrize("leaves", [Decimal(0), Decimal(10), Decimal(11)])
def test_a_reduction_must_reduce(leaves: Decimal) -> None:
    with pytest.raises(NothingToReduce):
        apply(order(status=Status.ACCEPTED), Reduce(leaves))


@pytest.mark.parametrize("status", sorted(set(Status) - OPEN))
@pytest.mark.parametrize("event", [Reduce(Decimal(1)), Adopt(order_id(9))], ids=["reduce", "adopt"])
def test_what_has_ended_is_not_amended(status: Status, event: Event) -> None:
    with pytest.raises(InvalidTransition):
        apply(order_in(status), event)
