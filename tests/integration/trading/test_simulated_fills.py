"""Orders that the API took, filled by the simulated venue and booked in PostgreSQL: races, refusals, repeats."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from uuid import UUID

import pytest

from lakehouse.clock import epoch_us
from lakehouse.portfolio.transactions import Draft, Kind
from lakehouse.stores.books import orders
from lakehouse.stores.books.order_replacing import Wish
from lakehouse.stores.books.orders import InvalidTransition
from lakehouse.stores.postgres import Transaction
from lakehouse.trading.costs import Fees
from lakehouse.trading.order import OrderClass, OrderType, Side, Status, TimeInForce
from lakehouse.trading.ticket import Exit
from lakehouse.trading.venue import Terms
from streaming.hot.booking import book, open_orders
from streaming.hot.changes import ORDERS, Sight
from streaming.hot.desk import SimulatedDesk
from streaming.hot.desk_hours import always_open
from streaming.hot.effects import Dealt, JsonObject
from streaming.hot.reconcile import contradictions
from tests.factories.hot_desk import START_US, SYMBOLS, Tick, batch_of, quote, trade
from tests.factories.trading import Desk, buy, cash, units, wish

D = Decimal
TERMS = Terms(fees=Fees(rate=D("0.0005"), minimum_minor=35))


@dataclass
class Floor:
    """A user's desk and the venue that fills its orders, as the hot process drives it."""

    desk: Desk
    venue: SimulatedDesk = field(default_factory=lambda: SimulatedDesk(TERMS, always_open))
    offset: int = 0

    def follow(self) -> None:
        """Tell the venue what is open."""
        self.venue.restate(self.desk.run(lambda connection: open_orders(connection, [self.desk.portfolio_id])))

    def deal(self, *ticks: Tick) -> Dealt:
        """Let the ticks of now meet the orders, but book nothing."""
        self.desk.tick()
        at = epoch_us(self.desk.clock.now()) - START_US
        placed = [replace(tick, at=at + number) for number, tick in enumerate(ticks)]
        self.offset += len(ticks)
        return self.venue.play(batch_of(placed, first_offset=self.offset), SYMBOLS)

    def book(self, dealt: Dealt) -> Sequence[JsonObject]:
        told = self.desk.run(lambda connection: book(connection, dealt, clock=self.desk.clock))
        self.venue.restate(told)
        return told

    def play(self, *ticks: Tick) -> Dealt:
        """Read what is open, deal and book."""
        self.follow()
        dealt = self.deal(*ticks)
        assert self.book(dealt) == ()
        return dealt

    def statuses(self, order_id: UUID) -> list[Status]:
        return [each.status for each in self.desk.family(order_id)]

    def agrees(self) -> bool:
        """Whether the venue stands where PostgreSQL does."""
        read = self.desk.run(lambda connection: open_orders(connection, [self.desk.portfolio_id]))
        versions = {UUID(str(each["id"])): each["version"] for each in read}
        return versions == {order_id: each.order.version for order_id, each in self.venue.orders.items()}


@pytest.fixture
def floor(desk: Desk) -> Floor:
    """10,000.00 USD and a venue."""
    return Floor(desk)


def booked(floor: Floor) -> list[tuple[object, ...]]:
    return floor.desk.rows("SELECT sum(amount_minor) FROM ledger.entry")


def test_a_bracket_enters_takes_its_profit_and_its_stop_is_canceled(floor: Floor) -> None:
    ticket = wish(
        floor.desk,
        type=OrderType.MARKET,
        limit_price=None,
        order_class=OrderClass.BRACKET,
        take_profit=Exit(limit_price=D(110)),
        stop_loss=Exit(stop_price=D(95)),
    )
    entry = floor.desk.place(ticket).order_id
    floor.play(quote(99, 100, size=4), quote(99, 101, size=100))
    assert floor.statuses(entry) == [Status.FILLED, Status.ACCEPTED, Status.ACCEPTED]
    assert units(floor.desk) == (D(10), D(10))
    assert floor.agrees(), "the venue made of the family what the books made of it"
    dealt = floor.play(trade(96), quote(111, 112))
    assert [fill.price for fill in dealt.fills] == [D(111)]
    assert floor.statuses(entry) == [Status.FILLED, Status.FILLED, Status.CANCELED]
    assert units(floor.desk) == (D(0), D(0))
    paid, brought = 4 * 100_00 + 6 * 101_00 + 51, 10 * 111_00 - 56  # fees of 5 bp of 1,006 and 1,110, rounded up
    assert cash(floor.desk) == (1_000_000 - paid + brought, 0)
    assert booked(floor) == [(D(0),)]
    assert floor.agrees()


def test_a_stop_that_trails_ends_a_bracket_behind_the_best_price(floor: Floor) -> None:
    ticket = wish(
        floor.desk,
        order_class=OrderClass.BRACKET,
        take_profit=Exit(limit_price=D(150)),
        stop_loss=Exit(stop_price=D(95), trail_percent=D(5)),
    )
    entry = floor.desk.place(ticket).order_id
    floor.play(quote(99, 100))
    assert floor.desk.family(entry)[2].type is OrderType.TRAILING_STOP
    floor.play(trade(120), trade(115))  # the stop has moved to 114
    assert floor.statuses(entry) == [Status.FILLED, Status.ACCEPTED, Status.ACCEPTED]
    dealt = floor.play(trade(114), quote(113, 115))
    assert [fill.price for fill in dealt.fills] == [D(113)]
    assert floor.statuses(entry) == [Status.FILLED, Status.CANCELED, Status.FILLED]
    assert floor.agrees()


def test_a_stop_that_trails_starts_from_the_last_price(floor: Floor) -> None:
    buy(floor.desk, 10)
    ticket = wish(floor.desk, side=Side.SELL, type=OrderType.TRAILING_STOP, limit_price=None, trail_amount=D("2.5"))
    placed = floor.desk.place(ticket)
    order = floor.desk.order(placed.order_id)
    assert (order.stop_price, order.trail_amount, order.trail_percent) == (D("97.5"), D("2.5"), None)
    floor.play(trade(104))
    dealt = floor.play(trade(103), trade(101.5), quote(101, 102))
    assert [(fill.order_id, fill.price) for fill in dealt.fills] == [(placed.order_id, D(101))]


def test_what_is_reported_again_is_booked_once(floor: Floor) -> None:
    placed = floor.desk.place(wish(floor.desk))
    floor.follow()
    dealt = floor.deal(quote(99, 100, size=4), quote(99, 100, size=3))
    assert floor.book(dealt) == ()
    held, money = units(floor.desk), cash(floor.desk)
    assert floor.book(dealt) == ()
    assert (units(floor.desk), cash(floor.desk)) == (held, money)
    assert held == (D(7), D(0))
    assert floor.desk.order(placed.order_id).filled_quantity == 7


def test_a_cancel_that_was_faster_wins_and_the_venue_is_told(floor: Floor) -> None:
    placed, other = (floor.desk.place(wish(floor.desk)) for _ in range(2))
    floor.follow()
    dealt = floor.deal(quote(99, 100))
    assert len(dealt.fills) == 2
    floor.desk.cancel(placed.order_id)
    told = floor.book(dealt)
    assert [(each["id"], floor.statuses(placed.order_id)) for each in told] == [
        (str(placed.order_id), [Status.CANCELED])
    ]
    assert floor.desk.order(other.order_id).status is Status.FILLED, "the other fill of the batch is booked"
    assert units(floor.desk) == (D(10), D(0))
    assert floor.agrees()


def test_a_fill_that_was_faster_wins_and_the_owner_is_told(floor: Floor) -> None:
    placed = floor.desk.place(wish(floor.desk))
    floor.play(quote(99, 100))
    with pytest.raises(InvalidTransition):
        floor.desk.cancel(placed.order_id)
    assert units(floor.desk) == (D(10), D(0))


def test_a_fill_by_hand_that_was_faster_leaves_the_rest_to_the_venue(floor: Floor) -> None:
    placed = floor.desk.place(wish(floor.desk))
    floor.follow()
    dealt = floor.deal(quote(99, 100))
    floor.desk.fill(placed.order_id, "by-hand", 4)
    told = floor.book(dealt)
    assert [each["id"] for each in told] == [str(placed.order_id)]
    assert floor.desk.order(placed.order_id).leaves == 6, "it goes on"
    assert floor.agrees()
    (rest,) = floor.play(quote(99, 100)).fills
    assert rest.quantity == 6
    assert floor.desk.order(placed.order_id).status is Status.FILLED
    # The fee of the whole, 0.50, less that of its first four units, 0.35, which was not charged by hand.
    assert cash(floor.desk) == (1_000_000 - 1000_00 - 15, 0)


def test_a_cancel_and_a_fill_at_once_leave_one_truth(floor: Floor) -> None:
    for _ in range(8):
        placed = floor.desk.place(wish(floor.desk, quantity=D(1)))
        floor.follow()
        dealt = floor.deal(quote(99, 100))
        told = floor.desk.runner.run(_race(floor, placed.order_id, dealt))
        floor.venue.restate(told)
        assert floor.desk.order(placed.order_id).status in (Status.FILLED, Status.CANCELED)
        assert floor.agrees()
    fills = floor.desk.rows("SELECT coalesce(sum(quantity), 0) FROM trading.fill WHERE portfolio_id = %(p)s")
    assert fills == [(units(floor.desk)[0],)]
    assert booked(floor) == [(D(0),)]


async def _race(floor: Floor, order_id: UUID, dealt: Dealt) -> Sequence[JsonObject]:
    desk = floor.desk

    async def cancel(connection: Transaction) -> None:
        await orders.cancel(connection, order_id, owner_id=desk.owner_id, clock=desk.clock)

    async def booking(connection: Transaction) -> tuple[JsonObject, ...]:
        return await book(connection, dealt, clock=desk.clock)

    canceled, told = await asyncio.gather(desk.within(cancel), desk.within(booking), return_exceptions=True)
    assert canceled is None or isinstance(canceled, InvalidTransition)
    assert not isinstance(told, BaseException)
    return told


def test_an_account_that_cannot_pay_ends_its_order_and_poisons_nothing(floor: Floor) -> None:
    poor = floor.desk.place(wish(floor.desk, type=OrderType.MARKET, limit_price=None, quantity=D(90)))
    rich = floor.desk.place(wish(floor.desk, quantity=D(1)))
    floor.follow()
    dealt = floor.deal(quote(199, 200, size=90), quote(99, 100))
    assert [fill.order_id for fill in dealt.fills] == [poor.order_id, rich.order_id]
    told = floor.book(dealt)
    assert [each["id"] for each in told] == [str(poor.order_id)]
    ended = floor.desk.order(poor.order_id)
    assert (ended.status, ended.status_reason) == (Status.CANCELED, "buying_power")
    assert units(floor.desk) == (D(1), D(0))
    assert cash(floor.desk)[1] == 0
    assert floor.agrees()


def test_what_is_good_at_once_ends_at_the_venue(floor: Floor) -> None:
    placed = floor.desk.place(wish(floor.desk, time_in_force=TimeInForce.IOC))
    dealt = floor.play(quote(99, 100, size=4))
    assert (len(dealt.fills), len(dealt.ended)) == (1, 1)
    order = floor.desk.order(placed.order_id)
    assert (order.status, order.status_reason, order.filled_quantity) == (
        Status.CANCELED,
        "immediate_or_cancel",
        D(4),
    )
    assert cash(floor.desk)[1] == 0


def test_fills_of_many_accounts_are_booked_together(new_desk: Callable[..., Desk]) -> None:
    floors = [Floor(new_desk()) for _ in range(4)]
    venue = floors[0].venue
    for floor in floors:
        floor.desk.deposit(1_000_000)
        floor.desk.place(wish(floor.desk))
        floor.venue = venue
        floor.follow()
    dealt = floors[0].deal(quote(99, 100))
    assert len(dealt.fills) == 4
    assert floors[0].book(dealt) == ()
    assert [units(floor.desk) for floor in floors] == [(D(10), D(0))] * 4


def test_a_short_sale_and_its_cover_are_filled(new_desk: Callable[..., Desk]) -> None:
    floor = Floor(new_desk(allows_short=True))
    floor.desk.deposit(1_000_000)
    floor.desk.place(wish(floor.desk, side=Side.SELL))
    floor.play(quote(100, 101))
    assert units(floor.desk) == (D(-10), D(0))
    floor.desk.place(wish(floor.desk, limit_price=D(90)))
    floor.play(quote(88, 89))
    assert units(floor.desk) == (D(0), D(0))
    assert cash(floor.desk) == (1_000_000 + 1000_00 - 50 - 890_00 - 45, 0)


def test_an_entry_that_is_not_paid_takes_its_legs_with_it(floor: Floor) -> None:
    ticket = wish(
        floor.desk,
        quantity=D(90),
        order_class=OrderClass.BRACKET,
        take_profit=Exit(limit_price=D(110)),
        stop_loss=Exit(stop_price=D(95)),
    )
    entry = floor.desk.place(ticket).order_id
    floor.follow()
    dealt = floor.deal(quote(99, 100), quote(111, 112))
    assert len(dealt.fills) == 2, "the venue has sold what it bought"
    taken = Draft(kind=Kind.WITHDRAWAL, occurred_at=floor.desk.clock.now(), currency="USD", amount_minor=90_000)
    floor.desk.book(taken)
    floor.desk.cancel(entry)
    floor.book(dealt)
    assert set(floor.statuses(entry)) == {Status.CANCELED}
    assert units(floor.desk) == (D(0), D(0))
    assert floor.agrees()


def test_legs_of_an_entry_that_was_replaced_while_it_was_filled_wait_for_its_successor(floor: Floor) -> None:
    ticket = wish(
        floor.desk,
        order_class=OrderClass.BRACKET,
        take_profit=Exit(limit_price=D(110)),
        stop_loss=Exit(stop_price=D(95)),
    )
    entry = floor.desk.place(ticket).order_id
    floor.follow()
    dealt = floor.deal(quote(99, 100))
    assert len(dealt.fills) == 1
    successor = floor.desk.replace(entry, Wish(limit_price=D(101)))
    told = floor.book(dealt)

    read = floor.desk.run(lambda connection: open_orders(connection, [floor.desk.portfolio_id]))
    sight = Sight({ORDERS: {str(floor.desk.portfolio_id): {str(each["id"]): each for each in read}}})
    assert contradictions(floor.venue, sight) == []
    assert {str(successor), *(str(each["id"]) for each in read)} <= {str(each["id"]) for each in told}


def test_held_units_stay_what_the_fills_say(floor: Floor) -> None:
    buy(floor.desk, 10)
    floor.desk.place(wish(floor.desk, side=Side.SELL, type=OrderType.STOP, limit_price=None, stop_price=D(95)))
    floor.play(quote(90, 91), trade(95), quote(94, 96, size=3), quote(93, 96, size=100))
    fills = floor.desk.rows(
        "SELECT sum(quantity * CASE side WHEN 'buy' THEN 1 ELSE -1 END) FROM trading.fill WHERE portfolio_id = %(p)s"
    )
    assert fills == [(D(0),)]
    assert units(floor.desk) == (D(0), D(0))
