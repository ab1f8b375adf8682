"""The simulated venue beside a plain one that lets every order meet every tick; cuts, checkpoints and reading again."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

from hypothesis import given, settings, strategies as st

from lakehouse.trading.costs import Fees, Slippage
from lakehouse.trading.matching import Print, TopOfBook
from lakehouse.trading.order import Order, OrderType, Side, TimeInForce
from lakehouse.trading.venue import Standing, Terms, meet, stand
from streaming.hot.batch import Batch
from streaming.hot.desk import SimulatedDesk
from streaming.hot.desk_hours import always_open
from streaming.hot.desk_orders import plain_of
from streaming.hot.effects import Ended, Fill
from tests.factories.hot_desk import NAN, START_US, SYMBOLS, Tick, a_bracket, an_order, batch_of, opened, quote, trade

D = Decimal
TERMS = Terms(slippage=Slippage(fixed_bps=D(2), impact_bps=D(5)), fees=Fees(rate=D("0.0005"), minimum_minor=35))
PRICES = st.integers(95, 105).map(float) | st.sampled_from([0.0, -1.0, NAN, 99.99, 100.01])
SIZES = st.sampled_from([0.0, 1.0, 4.0, 100.0, 2.5, NAN])

ticks = st.builds(
    Tick,
    symbol=st.integers(0, 2),
    at=st.integers(0, 60),
    seq=st.integers(0, 20),
    price=PRICES,
    size=SIZES,
    bid=PRICES,
    bid_size=SIZES,
    ask=PRICES,
    ask_size=SIZES,
)
plain_ticks = st.one_of(
    ticks,
    st.builds(lambda tick: replace(tick, price=NAN), ticks),
    st.builds(lambda tick: replace(tick, bid=NAN, ask=NAN), ticks),
)
near = st.integers(95, 105).map(str) | st.sampled_from(["99.99", "100.01"])


@st.composite
def orders(draw: st.DrawFn) -> list[Order]:
    """Some orders of every kind, in three symbols."""
    drawn: list[Order] = []
    for number in range(1, 1 + draw(st.integers(1, 8))):
        symbol = draw(st.sampled_from(SYMBOLS))
        quantity = draw(st.sampled_from(["1", "10", "7.5", "250"]))
        if draw(st.booleans()):
            side = draw(st.sampled_from(list(Side)))
            tif = draw(st.sampled_from([TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]))
            limit, stop = (draw(st.none() | near) for _ in range(2))
            made = an_order(10 * number, side, limit=limit, stop=stop, quantity=quantity, tif=tif, symbol=symbol)
            if limit is None and stop is not None and draw(st.booleans()):
                trail: dict[str, Any] = draw(
                    st.sampled_from([{"trail_amount": D(2)}, {"trail_percent": D("1.5")}, {"trail_percent": D(3)}])
                )
                made = replace(made, type=OrderType.TRAILING_STOP, **trail)
            drawn.append(made)
        else:
            profit, loss = draw(st.integers(101, 104)), draw(st.integers(96, 99))
            drawn += a_bracket(10 * number, profit=str(profit), loss=str(loss), quantity=quantity, symbol=symbol)
    return drawn


def a_desk(made: Sequence[Order]) -> SimulatedDesk:
    desk = SimulatedDesk(TERMS, always_open)
    desk.restate([plain_of(opened(order, since_us=START_US + 5)) for order in made])
    return desk


def told(fills: Sequence[Fill], ended: Sequence[Ended]) -> tuple[list[tuple[object, ...]], list[UUID]]:
    lines = [(fill.order_id, fill.quantity, fill.price, fill.fee_minor, fill.at_us, fill.cause) for fill in fills]
    return [tuple(line) for line in lines], [each.order_id for each in ended]


def plainly(made: Sequence[Order], batch: Batch) -> list[tuple[object, ...]]:
    """Every order meets every tick that is newer than the last of its symbol."""
    standing: dict[str, tuple[Standing, ...]] = {
        name: tuple(stand(order, since=START_US + 5) for order in made if order.symbol == name) for name in SYMBOLS
    }
    last: dict[int, tuple[int, int]] = {}
    found: list[tuple[object, ...]] = []
    for row in range(len(batch)):
        symbol, at, seq = int(batch.symbol[row]), int(batch.at_us[row]), int(batch.seq[row])
        if (at, seq) <= last.get(symbol, (-1, -1)):
            continue
        last[symbol] = (at, seq)
        for event in _events(batch, row):
            met = meet(standing[SYMBOLS[symbol]], event, TERMS)
            standing[SYMBOLS[symbol]] = met.standing
            found += [(each.order_id, each.quantity, each.price, each.fee_minor, each.at) for each in met.reports]
    return found


def _events(batch: Batch, row: int) -> list[Print[Decimal] | TopOfBook[Decimal]]:
    at = int(batch.at_us[row])
    numbers = {name: float(getattr(batch, name)[row]) for name in ("price", "bid", "ask")}
    sizes = {name: float(getattr(batch, name)[row]) for name in ("size", "bid_size", "ask_size")}
    known = {name: D(10) ** 15 if size != size else D(str(size)) for name, size in sizes.items()}
    events: list[Print[Decimal] | TopOfBook[Decimal]] = []
    if numbers["price"] == numbers["price"] and sizes["size"] != 0:
        events.append(Print(at=at, price=D(str(numbers["price"])), size=known["size"]))
    bid, ask = (D(str(numbers[name])) for name in ("bid", "ask"))
    return [*events, TopOfBook(at=at, bid=bid, ask=ask, bid_size=known["bid_size"], ask_size=known["ask_size"])]


@settings(max_examples=200, deadline=None)
@given(orders(), st.lists(plain_ticks, min_size=1, max_size=40))
def test_leaving_out_what_cannot_matter_changes_no_fill(made: list[Order], drawn: list[Tick]) -> None:
    batch = batch_of(drawn)
    dealt = a_desk(made).play(batch, SYMBOLS)
    assert [line[:5] for line in told(dealt.fills, dealt.ended)[0]] == plainly(made, batch)


@settings(max_examples=100, deadline=None)
@given(orders(), st.lists(plain_ticks, min_size=2, max_size=40), st.lists(st.integers(0, 40), max_size=4))
def test_fills_are_the_same_however_batches_are_cut_and_desks_recalled(
    made: list[Order], drawn: list[Tick], cuts: list[int]
) -> None:
    batch = batch_of(drawn)
    whole = a_desk(made).play(batch, SYMBOLS)
    desk, fills, ended = a_desk(made), list[Fill](), list[Ended]()
    edges = sorted({0, len(batch), *(min(cut, len(batch)) for cut in cuts)})
    for first, end in pairwise(edges):
        dealt = desk.play(batch.take(slice(first, end)), SYMBOLS)
        fills += dealt.fills
        ended += dealt.ended
        memory = desk.memory()
        desk = SimulatedDesk(TERMS, always_open)
        desk.recall(memory)
        assert desk.memory() == memory
    assert (fills, ended) == (list(whole.fills), list(whole.ended))
    names = {(fill.order_id, fill.venue_trade_id) for fill in fills}
    assert len(names) == len(fills)


@settings(max_examples=60, deadline=None)
@given(orders(), st.lists(plain_ticks, min_size=1, max_size=30))
def test_what_was_read_too_early_changes_nothing(made: list[Order], drawn: list[Tick]) -> None:
    desk = a_desk(made)
    desk.play(batch_of(drawn), SYMBOLS)
    memory = desk.memory()
    desk.restate([plain_of(opened(order)) for order in made])
    assert desk.memory() == memory


@settings(max_examples=60, deadline=None)
@given(orders(), st.lists(plain_ticks, min_size=1, max_size=30))
def test_no_order_is_filled_beyond_its_units_or_limit(made: list[Order], drawn: list[Tick]) -> None:
    dealt = a_desk(made).play(batch_of(drawn), SYMBOLS)
    by_id = {order.id: order for order in made}
    for order_id, order in by_id.items():
        own = [fill for fill in dealt.fills if fill.order_id == order_id]
        assert sum(fill.quantity for fill in own) <= order.quantity
        for fill in own:
            assert fill.at_us >= START_US + 5
            assert fill.fee_minor >= 0
            if order.limit_price is not None:
                worse = fill.price - order.limit_price if order.side is Side.BUY else order.limit_price - fill.price
                assert worse <= 0


def test_a_tick_is_matched_once_though_its_message_comes_twice() -> None:
    desk = a_desk([an_order(quantity="250")])
    tick = quote(99, 100, at=10, seq=1)
    assert len(desk.play(batch_of([tick]), SYMBOLS).fills) == 1
    assert desk.play(batch_of([tick, trade(98, at=9)], first_offset=7), SYMBOLS).fills == ()
