"""The matching rules, one after the other, in Decimal as live orders have it."""

from decimal import Decimal

import pytest

from lakehouse.trading.matching import (
    Bar,
    Match,
    Print,
    Resting,
    TopOfBook,
    TrailNotPossible,
    checked,
    match_bar,
    match_print,
    match_top,
)
from lakehouse.trading.order import Side, TimeInForce

D = Decimal


def order(
    side: Side = Side.BUY,
    *,
    limit: str | None = None,
    stop: str | None = None,
    trail: str | None = None,
    fraction: str | None = None,
    leaves: str = "10",
    tif: TimeInForce = TimeInForce.DAY,
    awake: bool = False,
) -> Resting[Decimal]:
    limit_price, stop_price, distance, part = (
        None if text is None else D(text) for text in (limit, stop, trail, fraction)
    )
    return checked(
        Resting(
            side=side,
            leaves=D(leaves),
            since=5,
            limit=limit_price,
            stop=stop_price,
            trail_distance=distance,
            trail_fraction=part,
            time_in_force=tif,
            awake=awake,
        )
    )


def bar(first: str, high: str, low: str, close: str, start: int = 5) -> Bar[Decimal]:
    return Bar(start=start, open=D(first), high=D(high), low=D(low), close=D(close), volume=D(1000))


def price(match: Match[Decimal] | None) -> Decimal | None:
    return None if match is None else match.price


@pytest.mark.parametrize(
    ("resting", "day", "expected"),
    [
        (order(), bar("10", "12", "9", "11"), "10"),
        (order(Side.SELL), bar("10", "12", "9", "11"), "10"),
        # A limit: touched is not filled, traded through is, and a gap gives the open.
        (order(limit="9"), bar("10", "12", "9", "11"), None),
        (order(limit="9"), bar("10", "12", "8.99", "11"), "9"),
        (order(limit="9"), bar("8", "12", "7", "11"), "8"),
        (order(Side.SELL, limit="12"), bar("10", "12", "9", "11"), None),
        (order(Side.SELL, limit="12"), bar("10", "12.01", "9", "11"), "12"),
        (order(Side.SELL, limit="12"), bar("13", "14", "9", "11"), "13"),
        # A stop: touched is enough, and a gap gives the open, which is worse.
        (order(stop="12"), bar("10", "12", "9", "11"), "12"),
        (order(stop="12"), bar("10", "11.99", "9", "11"), None),
        (order(stop="12"), bar("13", "14", "12.5", "13"), "13"),
        (order(Side.SELL, stop="9"), bar("10", "12", "9", "11"), "9"),
        (order(Side.SELL, stop="9"), bar("8", "8.5", "7", "8"), "8"),
        # A stop with a limit: filled at the stop where the limit lies beyond, else only if the close says so.
        (order(stop="12", limit="12.5"), bar("10", "13", "9", "11"), "12"),
        (order(stop="12", limit="12.5"), bar("13", "14", "12.6", "13"), None),
        (order(stop="12", limit="12.5"), bar("13", "14", "12", "12.4"), "12.5"),
        (order(stop="12", limit="11"), bar("10", "12", "9", "11"), None),
        (order(stop="12", limit="11"), bar("10", "12", "9", "10.9"), "11"),
    ],
)
def test_a_bar_fills_at(resting: Resting[Decimal], day: Bar[Decimal], expected: str | None) -> None:
    assert price(match_bar(resting, day)) == (None if expected is None else D(expected))


def test_a_bar_that_opened_before_the_order_fills_nothing() -> None:
    assert match_bar(order(), bar("10", "12", "9", "11", start=4)) is None


def test_a_stop_limit_stays_awake_and_is_then_a_limit() -> None:
    slept = match_bar(order(stop="12", limit="11"), bar("10", "12", "9", "11"))
    assert slept is not None
    assert slept.order.awake
    assert price(match_bar(slept.order, bar("10.5", "10.6", "10.4", "10.5", start=6))) == D("10.5")


def test_a_trailing_stop_follows_the_best_price_and_not_the_bar_that_may_have_come_later() -> None:
    trailing = order(Side.SELL, stop="95", trail="5")
    up = match_bar(trailing, bar("100", "110", "100", "108"))
    assert up is not None
    assert (up.price, up.order.stop) == (None, D(105))
    # The close came after the high of 110, so the stop of 105 was met on the way to 104.
    assert price(match_bar(trailing, bar("100", "110", "100", "104"))) == D(105)
    assert price(match_bar(up.order, bar("103", "120", "102", "119", start=6))) == D(103)


def test_a_trail_may_be_a_share_of_the_price() -> None:
    up = match_bar(order(Side.BUY, stop="110", fraction="0.1"), bar("100", "101", "80", "85"))
    assert up is not None
    assert up.order.stop == D(88)


@pytest.mark.parametrize(("stop", "trail", "fraction"), [(None, "5", None), ("9", "0", None), ("9", "1", "1")])
def test_a_trail_without_sense_is_refused(stop: str | None, trail: str | None, fraction: str | None) -> None:
    with pytest.raises(TrailNotPossible):
        order(Side.SELL, stop=stop, trail=trail, fraction=fraction)


def test_no_more_is_filled_than_is_there() -> None:
    match = match_bar(order(), bar("10", "12", "9", "11"), D(4))
    assert match is not None
    assert (match.quantity, match.order.leaves, match.ends) == (D(4), D(6), False)
    assert match_bar(order(), bar("10", "12", "9", "11"), D(0)) is None


def test_an_immediate_order_takes_the_open_and_what_is_there_and_ends() -> None:
    low_later = bar("10", "12", "8", "11")
    part = match_bar(order(limit="11", tif=TimeInForce.IOC), low_later, D(4))
    assert part is not None
    assert (part.price, part.quantity, part.ends) == (D(10), D(4), True)
    missed = match_bar(order(limit="9", tif=TimeInForce.IOC), low_later)
    assert missed is not None
    assert (missed.price, missed.ends) == (None, True)


def test_fill_or_kill_takes_all_or_ends() -> None:
    killed = match_bar(order(tif=TimeInForce.FOK), bar("10", "12", "9", "11"), D(9))
    assert killed is not None
    assert (killed.price, killed.quantity, killed.ends) == (None, D(0), True)
    whole = match_bar(order(tif=TimeInForce.FOK), bar("10", "12", "9", "11"), D(10))
    assert whole is not None
    assert (whole.price, whole.order.leaves, whole.ends) == (D(10), D(0), False)


def test_a_quote_fills_at_its_far_side_and_sets_off_no_stop() -> None:
    top = TopOfBook(at=6, bid=D(99), ask=D(101), bid_size=D(4), ask_size=D(100))
    sold, bought = match_top(order(Side.SELL), top), match_top(order(), top)
    assert sold is not None
    assert bought is not None
    assert (sold.price, sold.quantity, bought.price, bought.quantity) == (D(99), D(4), D(101), D(10))
    assert price(match_top(order(limit="101"), top)) == D(101)
    assert match_top(order(limit="100"), top) is None
    assert match_top(order(stop="100"), top) is None
    assert price(match_top(order(stop="100", awake=True), top)) == D(101)


def test_a_trade_sets_off_a_stop_which_the_next_quote_fills() -> None:
    set_off = match_print(order(Side.SELL, stop="95"), Print(at=6, price=D(95), size=D(1)))
    assert set_off is not None
    assert (set_off.price, set_off.order.awake, set_off.order.since) == (None, True, 6)
    top = TopOfBook(at=7, bid=D(94), ask=D(96), bid_size=D(100), ask_size=D(100))
    assert price(match_top(set_off.order, top)) == D(94)


def test_a_trade_through_a_limit_fills_it_at_the_limit_up_to_its_size() -> None:
    match = match_print(order(limit="100"), Print(at=6, price=D("99.5"), size=D(3)))
    assert match is not None
    assert (match.price, match.quantity) == (D(100), D(3))
    assert match_print(order(limit="100"), Print(at=6, price=D(100), size=D(3))) is None
    assert match_print(order(), Print(at=6, price=D(100), size=D(3))) is None
    assert match_print(order(limit="100"), Print(at=4, price=D(90), size=D(3))) is None


def test_trades_move_a_trailing_stop() -> None:
    up = match_print(order(Side.SELL, stop="95", trail="5"), Print(at=6, price=D(120), size=D(1)))
    assert up is not None
    assert up.order.stop == D(115)
    assert match_print(up.order, Print(at=7, price=D(118), size=D(1))) is None
