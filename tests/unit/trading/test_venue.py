"""The simulated venue: brackets, shared liquidity, slippage, fees, ends and hours; matching beside a slow twin."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings, strategies as st

from lakehouse.trading.costs import BadCosts, Fees, Slippage
from lakehouse.trading.family import OCO_FILLED
from lakehouse.trading.matching import Bar, Print, TopOfBook, match_bar, match_print, match_top, resting
from lakehouse.trading.order import Leg, Order, OrderClass, OrderType, Side, Status, TimeInForce
from lakehouse.trading.sessions import in_session
from lakehouse.trading.venue import AT_ONCE_ENDED, MarketEvent, Met, Standing, Terms, meet, stand
from tests.factories.orders import ORDER, order_id

D = Decimal
TERMS = Terms()


def an_order(
    number: int = 1,
    side: Side = Side.BUY,
    *,
    limit: str | None = None,
    stop: str | None = None,
    quantity: str = "10",
    tif: TimeInForce = TimeInForce.GTC,
) -> Order:
    kind = {
        (False, False): OrderType.MARKET,
        (True, False): OrderType.LIMIT,
        (False, True): OrderType.STOP,
        (True, True): OrderType.STOP_LIMIT,
    }[limit is not None, stop is not None]
    return replace(
        ORDER,
        id=order_id(number),
        side=side,
        type=kind,
        quantity=D(quantity),
        time_in_force=tif,
        limit_price=None if limit is None else D(limit),
        stop_price=None if stop is None else D(stop),
        status=Status.ACCEPTED,
    )


def bracket() -> list[Standing]:
    """A purchase at the market that takes its profit at 110 and its loss at 95."""
    entry = replace(an_order(), order_class=OrderClass.BRACKET)
    profit = replace(an_order(2, Side.SELL, limit="110"), leg=Leg.TAKE_PROFIT, type=OrderType.TAKE_PROFIT)
    loss = replace(an_order(3, Side.SELL, stop="95"), leg=Leg.STOP_LOSS)
    profit, loss = (
        replace(leg, parent_id=entry.id, oco_group=entry.id, order_class=OrderClass.BRACKET, status=Status.HELD)
        for leg in (profit, loss)
    )
    return [stand(order, since=5) for order in (entry, profit, loss)]


def top(bid: str, ask: str, size: str = "100", at: int = 6) -> TopOfBook[Decimal]:
    return TopOfBook(at=at, bid=D(bid), ask=D(ask), bid_size=D(size), ask_size=D(size))


def fills(met: Met) -> list[tuple[int, Decimal, Decimal]]:
    return [(report.order_id.int % 16, report.quantity, report.price) for report in met.reports]


def statuses(met: Met) -> dict[int, Status]:
    return {change.after.id.int % 16: change.after.status for change in met.changes}


def test_a_bracket_is_entered_and_its_stop_cancels_its_profit() -> None:
    entered = meet(bracket(), top("99", "100"), TERMS)
    assert fills(entered) == [(1, D(10), D(100))]
    assert statuses(entered) == {1: Status.FILLED, 2: Status.ACCEPTED, 3: Status.ACCEPTED}
    quoted = meet(entered.standing, top("90", "91", at=7), TERMS)
    assert quoted.reports == (), "a quote sets off no stop"
    traded = meet(quoted.standing, Print(at=8, price=D(95), size=D(1)), TERMS)
    assert traded.reports == ()
    assert [each.resting.awake for each in traded.standing] == [False, True]
    sold = meet(traded.standing, top("94", "96", at=9), TERMS)
    assert fills(sold) == [(3, D(10), D(94))]
    assert statuses(sold) == {3: Status.FILLED, 2: Status.CANCELED}
    assert {change.after.status_reason for change in sold.changes} == {"", OCO_FILLED}
    assert sold.standing == ()


def test_legs_do_not_meet_the_bar_that_filled_their_entry() -> None:
    bar = Bar(start=6, open=D(100), high=D(120), low=D(90), close=D(100), volume=D(1000))
    entered = meet(bracket(), bar, TERMS)
    assert fills(entered) == [(1, D(10), D(100))]
    both = meet(entered.standing, bar._replace(start=7), TERMS)
    assert fills(both) == [(3, D(10), D(95))], "a bar that reaches both legs is told as the loss"


def test_a_part_fill_of_a_leg_reduces_the_other() -> None:
    entered = meet(bracket(), top("99", "100"), TERMS)
    part = meet(entered.standing, top("111", "112", size="4", at=7), TERMS)
    assert fills(part) == [(2, D(4), D(111))]
    assert [(each.order.leaves, each.resting.leaves) for each in part.standing] == [(D(6), D(6)), (D(6), D(6))]


def test_orders_share_what_a_quote_offers_by_price_then_age() -> None:
    orders = [
        stand(an_order(1, limit="101", quantity="5"), since=1),
        stand(an_order(2, limit="102", quantity="5"), since=3),
        stand(an_order(3, quantity="5"), since=4),
        stand(an_order(4, limit="102", quantity="5"), since=2),
        stand(an_order(5, Side.SELL, quantity="5"), since=1),
    ]
    met = meet(orders, top("99", "100", size="12"), TERMS)
    assert fills(met) == [(5, D(5), D(99)), (3, D(5), D(100)), (4, D(5), D(100)), (2, D(2), D(100))]


def test_a_bar_offers_the_share_of_its_volume() -> None:
    bar = Bar(start=6, open=D(100), high=D(101), low=D(99), close=D(100), volume=D(30))
    met = meet([stand(an_order(), since=5)], bar, Terms(volume_share=D("0.1")))
    assert fills(met) == [(1, D(3), D(100))]
    gap = meet([stand(an_order(1, Side.SELL, stop="102"), since=5)], bar, TERMS)
    assert fills(gap) == [(1, D(10), D(100))], "a gap below the stop is filled at the open"


def test_immediate_orders_end_with_the_first_quote() -> None:
    part = meet([stand(an_order(tif=TimeInForce.IOC), since=5)], top("99", "100", size="4"), TERMS)
    assert fills(part) == [(1, D(4), D(100))]
    assert (part.changes[-1].after.status, part.changes[-1].after.status_reason) == (Status.CANCELED, AT_ONCE_ENDED)
    killed = meet([stand(an_order(tif=TimeInForce.FOK), since=5)], top("99", "100", size="4"), TERMS)
    assert (killed.reports, killed.standing) == ((), ())


@pytest.mark.parametrize("event", [top("99", "100", at=4), top("99", "100", at=9), top("99", "100", at=12)])
def test_nothing_older_than_the_order_fills_it_nor_what_comes_at_its_end(event: TopOfBook[Decimal]) -> None:
    assert meet([stand(an_order(), since=5, until=9)], event, TERMS).reports == ()
    assert fills(meet([stand(an_order(), since=5, until=9)], event._replace(at=8), TERMS)) == [(1, D(10), D(100))]


@pytest.mark.parametrize(
    ("bid", "ask"), [("0", "100"), ("101", "100"), ("NaN", "100"), ("99", "Infinity"), ("-1", "1")]
)
def test_an_impossible_quote_fills_nothing(bid: str, ask: str) -> None:
    assert meet([stand(an_order(1, Side.SELL), since=5)], top(bid, ask), TERMS).reports == ()
    assert meet([stand(an_order(), since=5)], top(bid, ask), TERMS).reports == ()


@pytest.mark.parametrize("price", ["0", "NaN", "-1"])
def test_an_impossible_trade_sets_off_no_stop(price: str) -> None:
    asleep = resting(an_order(1, Side.SELL, stop="95"), since=5)
    assert match_print(asleep, Print(at=6, price=D(price), size=D(1))) is None


def test_slippage_is_against_the_client_and_spares_limits() -> None:
    slippage = Slippage(fixed_bps=D(10), impact_bps=D(100))
    terms = Terms(slippage=slippage)
    assert fills(meet([stand(an_order(), since=5)], top("99", "100", size="20"), terms)) == [(1, D(10), D("100.6"))]
    sold = meet([stand(an_order(1, Side.SELL), since=5)], top("100", "101", size="20"), terms)
    assert fills(sold) == [(1, D(10), D("99.4"))]
    limited = meet([stand(an_order(limit="100"), since=5)], top("99", "100"), terms)
    assert fills(limited) == [(1, D(10), D(100))]
    assert slippage.price(Side.BUY, D("0.33333333"), D(1), None) == D("0.33366667")


@pytest.mark.parametrize("costs", [lambda: Slippage(fixed_bps=D(-1)), lambda: Fees(minimum_minor=5, maximum_minor=4)])
def test_costs_without_sense_are_refused(costs: type[Slippage]) -> None:
    with pytest.raises(BadCosts):
        costs()


@given(
    sizes=st.lists(st.integers(1, 500), min_size=1, max_size=8),
    rate=st.decimals(0, D("0.01"), places=5),
    minimum=st.integers(0, 2_000),
)
def test_fees_of_parts_sum_to_the_fee_of_the_whole(sizes: list[int], rate: Decimal, minimum: int) -> None:
    fees = Fees(rate=rate, per_unit=D("0.005"), minimum_minor=minimum, maximum_minor=minimum + 5_000)
    standing: tuple[Standing, ...] = (stand(an_order(quantity=str(sum(sizes))), since=0),)
    charged = 0
    for at, size in enumerate(sizes):
        met = meet(standing, top("99", "100.37", size=str(size), at=at), Terms(fees=fees))
        charged, standing = charged + sum(report.fee_minor for report in met.reports), met.standing
        assert all(report.fee_minor >= 0 for report in met.reports)
    assert charged == fees.of(D(sum(sizes)), sum(sizes) * D("100.37"), "USD")


def test_hours() -> None:
    assert in_session("XNYS", datetime(2026, 3, 2, 14, 30, tzinfo=UTC))
    assert not in_session("XNYS", datetime(2026, 3, 2, 21, 0, tzinfo=UTC)), "the close is not in it"
    assert not in_session("XNYS", datetime(2026, 3, 1, 15, 0, tzinfo=UTC)), "a Sunday"
    assert in_session("XCRY", datetime(2026, 3, 1, 3, 0, tzinfo=UTC)), "no calendar"


PRICES = st.integers(90, 110).map(Decimal)
LIMITS = st.none() | PRICES


@st.composite
def events(draw: st.DrawFn) -> MarketEvent:
    at, low, high = draw(st.integers(0, 20)), draw(PRICES), draw(PRICES)
    size = D(draw(st.integers(0, 12)))
    low, high = min(low, high), max(low, high)
    kind = draw(st.sampled_from(["top", "print", "bar"]))
    if kind == "top":
        return TopOfBook(at=at, bid=low, ask=high, bid_size=size, ask_size=size)
    if kind == "print":
        return Print(at=at, price=low, size=size)
    inner = st.integers(int(low), int(high)).map(Decimal)
    return Bar(start=at, open=draw(inner), high=high, low=low, close=draw(inner), volume=size)


@settings(max_examples=400)
@given(side=st.sampled_from(Side), limit=LIMITS, stop=LIMITS, tif=st.sampled_from(TimeInForce), event=events())
def test_one_order_is_filled_as_a_slow_reading_of_the_rules_says(
    side: Side, limit: Decimal | None, stop: Decimal | None, tif: TimeInForce, event: MarketEvent
) -> None:
    order = replace(an_order(side=side, tif=tif), limit_price=limit, stop_price=stop, quantity=D(10))
    rest = resting(order, since=5, until=15)
    if isinstance(event, Bar):
        match = match_bar(rest, event, event.volume)
    else:
        match = match_print(rest, event) if isinstance(event, Print) else match_top(rest, event)
    got = None if match is None or match.price is None else (match.price, match.quantity)
    assert got == slow(side, limit, stop, tif, event)


def slow(
    side: Side, limit: Decimal | None, stop: Decimal | None, tif: TimeInForce, event: MarketEvent
) -> tuple[Decimal, Decimal] | None:
    """Mirrored so that every order is a purchase: prices of a sale are negated."""
    sign = 1 if side is Side.BUY else -1
    top_price = D(1000) if limit is None else sign * limit
    trigger = D(-1000) if stop is None else sign * stop
    if not 5 <= (event.start if isinstance(event, Bar) else event.at) < 15:
        return None
    price: Decimal | None = None
    if isinstance(event, TopOfBook):
        size, far = (event.ask_size, event.ask) if side is Side.BUY else (event.bid_size, -event.bid)
        price = far if stop is None and far <= top_price else None
    elif isinstance(event, Print):
        size = event.size
        price = top_price if stop is None and limit is not None and sign * event.price < top_price else None
    else:
        size, path = event.volume, [sign * each for each in (event.open, event.high, event.low, event.close)]
        if tif in (TimeInForce.IOC, TimeInForce.FOK):
            path = path[:1] * 4
        price = slow_bar(path, top_price, trigger, has_stop=stop is not None, has_limit=limit is not None)
    quantity = min(size, D(10))
    if price is None or quantity <= 0 or (tif is TimeInForce.FOK and quantity < 10):
        return None
    return sign * price, quantity


def slow_bar(
    path: list[Decimal], top_price: Decimal, trigger: Decimal, *, has_stop: bool, has_limit: bool
) -> Decimal | None:
    """A purchase in a bar: its open, the two extremes in either order, its close."""
    first, last = path[0], path[-1]
    if has_stop:
        if max(path) < trigger:
            return None
        price = max(first, trigger)
        if not has_limit or price < top_price:
            return price
        return top_price if last < top_price else None
    if not has_limit:
        return first
    if first < top_price:
        return first
    return top_price if min(path) < top_price else None


@settings(max_examples=150, deadline=None)
@given(
    numbers=st.lists(st.tuples(st.sampled_from(Side), LIMITS, LIMITS, st.integers(1, 15)), min_size=1, max_size=5),
    happened=st.lists(events(), min_size=1, max_size=12),
)
def test_nothing_is_filled_twice_or_beyond_its_limit_or_what_is_offered(
    numbers: list[tuple[Side, Decimal | None, Decimal | None, int]], happened: list[MarketEvent]
) -> None:
    alone = [
        replace(an_order(10 + number, side), limit_price=limit, stop_price=stop, quantity=D(size))
        for number, (side, limit, stop, size) in enumerate(numbers)
    ]
    standing = (*bracket(), *(stand(order, since=0) for order in alone))
    first = {each.order.id: each.order for each in standing}
    filled: dict[int, Decimal] = {}
    for event in happened:
        met = meet(standing, event, TERMS)
        standing = met.standing
        offered: dict[Side, Decimal] = dict.fromkeys(Side, D(0))
        for report in met.reports:
            order = first[report.order_id]
            offered[order.side] += report.quantity
            filled[order.id.int % 16] = filled.get(order.id.int % 16, D(0)) + report.quantity
            sign = 1 if order.side is Side.BUY else -1
            assert order.limit_price is None or sign * report.price <= sign * order.limit_price
        assert max(offered.values()) <= slow_offer(event)
    assert all(units <= first[order_id(number)].quantity for number, units in filled.items())
    # The legs close together no more than was bought, and nothing before all of it was.
    closed = filled.get(2, D(0)) + filled.get(3, D(0))
    assert closed <= (10 if filled.get(1) == 10 else 0)
    assert all(each.order.is_open and each.resting.leaves == each.order.leaves for each in standing)


def slow_offer(event: MarketEvent) -> Decimal:
    if isinstance(event, Bar):
        return D(event.volume)
    return D(event.size) if isinstance(event, Print) else D(max(event.bid_size, event.ask_size))
