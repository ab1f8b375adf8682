"""Orders are placed, canceled and lapse here, each in the caller's transaction and under its account's lock.

Nothing here commits. What an open order may cost, or deliver, is kept back while it works: `reserved_minor` of the
ledger's cash account is the sum over open orders (and payments under review, and short sales: `collateral`), and
`reserved_quantity` of the position that of open sales, or, negative, of open purchases that buy back. Of orders of
which only one can be filled, the take-profit leg keeps back what the dearest of them needs.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, LiteralString, NoReturn
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.domain.currency import MINOR_DIGITS
from lakehouse.domain.ids import uuid7
from lakehouse.errors import TidemarkError
from lakehouse.stores.books import at_broker, order_facts, order_rows
from lakehouse.stores.books.booking import Books, open_books
from lakehouse.stores.books.order_facts import Market, View
from lakehouse.stores.books.order_policy import DEFAULT, Policy, judged_by, lapse_of
from lakehouse.stores.books.order_rows import Screening
from lakehouse.stores.postgres import Transaction, rows_of, together
from lakehouse.trading.checks import Facts, Violation, group_need, violation
from lakehouse.trading.family import Change, cascade
from lakehouse.trading.machine import Accept, Cancel, Event, Expire, Hold, Reject, apply
from lakehouse.trading.observation import Observation
from lakehouse.trading.order import InvalidTransition, Leg, Order, Side, Status
from lakehouse.trading.ticket import Making, Ticket, at_once, check_form, count_of, orders_of

BY_OWNER: Final = "canceled_by_owner"

OWNER: Final[LiteralString] = """
    SELECT o.portfolio_id, p.owner_id
    FROM trading.order AS o JOIN app.portfolio AS p ON p.id = o.portfolio_id
    WHERE o.id = %(id)s
"""
DUE: Final[LiteralString] = """
    SELECT o.expires_at, o.id FROM trading.order AS o
    WHERE o.expires_at <= %(now)s AND o.status IN ('held', 'accepted', 'partially_filled')
      AND (o.expires_at, o.id) > (%(expires_at)s, %(id)s)
      AND NOT EXISTS (
          SELECT FROM broker.submission AS s WHERE s.order_id = o.id AND s.status IN ('in_doubt', 'open')
      )
    ORDER BY o.expires_at, o.id
    LIMIT %(limit)s
"""


class OrderUnknown(TidemarkError):
    """There is no such order or portfolio, or it is somebody else's."""


class OrderRefused(TidemarkError):
    """Nothing was written, by a rule."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(violation.detail)
        self.violation = violation


class ClientIdTaken(TidemarkError):
    """Another order of the portfolio has this client_order_id."""

    def __init__(self, order_id: UUID) -> None:
        super().__init__(f"Order {order_id} has this client_order_id and another content.")
        self.order_id = order_id


@dataclass(frozen=True, slots=True)
class Placed:
    """The order that the client named, with what became of it.

    `violation` is the rule that rejected it: the order stays, as rejected. `is_new` is False for a retry, which found
    the order there already and changed nothing.
    """

    order_id: UUID
    violation: Violation | None
    is_new: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What `write` will write: `orders` as their first move leaves them, the client's first, made `at`.

    `violation` is the rule that rejects them.
    """

    owner_id: UUID
    orders: tuple[Order, ...]
    changes: tuple[Change, ...]
    screening: Screening
    violation: Violation | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Owned:
    """An order's portfolio and that one's owner."""

    portfolio_id: UUID
    owner_id: UUID


@dataclass(frozen=True, slots=True)
class Due:
    """An open order whose time is over."""

    expires_at: datetime
    id: UUID


FIRST_DUE: Final = Due(datetime.min.replace(tzinfo=UTC), UUID(int=0))


@dataclass(frozen=True, slots=True)
class Scene:
    """Where an order is placed: the locked books, the market, the facts, and the account's earlier orders."""

    books: Books
    market: Market
    facts: Facts
    habits: Sequence[Observation]


# Judges the client's order before it is written: the score of surveillance is given from outside.
Screen = Callable[[Order, Scene], Screening]
# Writes what the caller keeps of new orders, in one round trip with them: it may not read.
Also = Callable[[], Awaitable[None]]


async def place(
    connection: Transaction,
    ticket: Ticket,
    *,
    owner_id: UUID,
    clock: Clock,
    screen: Screen,
    policy: Policy = DEFAULT,
) -> Placed:
    """Write the ticket's orders and accept them, or reject them by the first rule that they break: `prepare`, and
    `write` where they were not placed before. Raises what these raise."""
    plan = await prepare(connection, ticket, owner_id=owner_id, clock=clock, screen=screen, policy=policy)
    return plan if isinstance(plan, Placed) else await write(connection, plan, clock=clock)


async def prepare(
    connection: Transaction,
    ticket: Ticket,
    *,
    owner_id: UUID,
    clock: Clock,
    screen: Screen,
    policy: Policy = DEFAULT,
) -> Plan | Placed:
    """Lock the account and decide what becomes of the ticket; Placed where it was placed before. Nothing is written.

    Raises BadForm and OrderRefused where no
    order can be written at all, OrderUnknown where the portfolio is not `owner_id`'s, ClientIdTaken where the client's
    id was used for something else.
    """
    check_form(ticket)
    books, known, view = await order_facts.survey(
        connection,
        ticket.portfolio_id,
        ticket.symbol,
        ticket.side,
        owner_id=owner_id,
        client_order_id=ticket.client_order_id,
    )
    if books is None:
        raise OrderUnknown(f"There is no portfolio {ticket.portfolio_id} of yours.")
    if known is not None:
        return _retried(known, ticket)
    scene = _scene(books, view, ticket.symbol, ticket.side, now=clock.now())
    orders = orders_of(ticket, await _making(ticket, scene, clock))
    scene = replace(scene, facts=await judged_by(policy, scene.facts, scene.market.exchange, orders))
    broken = violation(orders, at_once(orders), scene.facts)
    screening = screen(orders[0], scene)
    changes = [Change(None, order) for order in orders]
    changes += _first_moves(orders, scene.facts, broken)
    final = {each.after.id: each.after for each in changes}
    return Plan(owner_id, tuple(final.values()), tuple(changes), screening, broken, clock.now())


async def write(connection: Transaction, plan: Plan, *, clock: Clock, also: Also | None = None) -> Placed:
    """Write the plan, and what `also` writes, in one round trip; nothing is read, so it may be part of a larger one.
    The account is locked since `prepare`.

    Raises IntegrityError as `order_rows.reserve` does.
    """
    async with together(connection):
        await order_rows.reserve(connection, plan.changes)
        await order_rows.insert(connection, plan.changes, plan.screening, at=plan.at)
        await order_rows.record(connection, plan.changes, owner_id=plan.owner_id, clock=clock, at=plan.at)
        if also is not None:
            await also()
    return Placed(plan.orders[0].id, plan.violation, is_new=True)


async def cancel(connection: Transaction, order_id: UUID, *, owner_id: UUID, clock: Clock) -> None:
    """Cancel an order and, with an entry, its legs, with a leg, its sibling. A canceled order stays as it is. One that
    a broker has goes on until the broker, which is asked to cancel it, has ended it.

    Raises OrderUnknown where it is not `owner_id`'s, InvalidTransition where it has ended otherwise.
    """
    books, family = await opened(connection, order_id, owner_id=owner_id)
    order = family[order_id]
    if order.is_open and await at_broker.ask_to_cancel(connection, order_id, now=clock.now()):
        return
    if order.status is not Status.CANCELED:
        await _end(connection, books, family, order, Cancel(BY_OWNER), clock)


async def expire(connection: Transaction, order_id: UUID, *, clock: Clock) -> bool:
    """Let an order lapse whose time is over, with its family; False where it has ended or is not due, or where a broker
    has it, which lets it lapse itself."""
    books, family = await opened(connection, order_id)
    order = family[order_id]
    if not order.is_open or order.expires_at is None or order.expires_at > clock.now():
        return False
    if await at_broker.is_there(connection, order_id):
        return False
    await _end(connection, books, family, order, Expire(), clock)
    return True


async def end(connection: Transaction, order_id: UUID, *, reason: str, clock: Clock) -> bool:
    """Let the venue end what is not filled of an order, with its family; False where it has ended before."""
    books, family = await opened(connection, order_id)
    order = family[order_id]
    if order.is_open:
        await _end(connection, books, family, order, Cancel(reason), clock)
    return order.is_open


async def due(connection: Transaction, *, now: datetime, after: Due = FIRST_DUE, limit: int) -> list[Due]:
    """The next open orders after `after` whose time is over, but for those that a broker has, by the time at which they
    lapse, then by id."""
    names = {"now": now, "expires_at": after.expires_at, "id": after.id, "limit": limit}
    return await rows_of(connection, DUE, names, Due)


async def owner_of(connection: Transaction, order_id: UUID) -> Owned:
    """Whose order it is. Raises OrderUnknown."""
    rows = await rows_of(connection, OWNER, {"id": order_id}, Owned)
    if not rows:
        unknown(order_id)
    return rows[0]


async def opened(
    connection: Transaction, order_id: UUID, *, owner_id: UUID | None = None
) -> tuple[Books, dict[UUID, Order]]:
    """The books, locked until the transaction ends, and the order's family by id, itself included.

    Raises OrderUnknown where the order is not `owner_id`'s; without one, whoever owns it is meant.
    """
    owned = await owner_of(connection, order_id)
    books = await open_books(connection, owned.portfolio_id, owner_id=owner_id or owned.owner_id)
    if books is None:
        unknown(order_id)
    return books, await order_rows.family_of(connection, order_id)


async def scene_of(
    connection: Transaction,
    books: Books,
    symbol: str,
    side: Side,
    *,
    now: datetime,
    besides: Sequence[Order] = (),
    history: int = 0,
) -> Scene:
    """Books, market and facts for orders of one side, and at most `history` earlier orders, for who screens them.

    Raises OrderRefused where no order can be in the instrument."""
    view = await order_facts.look(connection, books.portfolio_id, symbol, side, history=history)
    return _scene(books, view, symbol, side, now=now, besides=besides)


def _scene(books: Books, view: View, symbol: str, side: Side, *, now: datetime, besides: Sequence[Order] = ()) -> Scene:
    market = view.market
    if market is None:
        raise OrderRefused(
            Violation(rule="instrument_unknown", detail=f"There is no instrument {symbol}: make it first.")
        )
    if market.currency not in MINOR_DIGITS:
        raise OrderRefused(
            Violation(rule="currency_unknown", detail=f"The ledger has no accounts in {market.currency}.")
        )
    facts = order_facts.facts(books, market, view.nearest, side=side, now=now, besides=besides)
    return Scene(books, market, facts, view.habits)


def unknown(order_id: UUID) -> NoReturn:
    """Raise OrderUnknown."""
    raise OrderUnknown(f"There is no order {order_id} of yours.")


def holder_of(orders: Sequence[Order]) -> UUID:
    """Which of orders of which only one can be filled keeps back what they need: the first, by leg."""
    return min(orders, key=lambda order: order.leg is not Leg.TAKE_PROFIT).id


def accepted(orders: Sequence[Order], facts: Facts) -> list[Change]:
    """Orders of which only one can be filled go to work; one of them keeps back what the dearest needs."""
    holder = holder_of(orders)
    need = group_need(orders, facts)
    return [
        Change(
            order,
            apply(
                order,
                Accept(reserved_minor=need.minor, reserved_quantity=need.units) if order.id == holder else Accept(),
            ),
        )
        for order in orders
    ]


def _retried(known: order_facts.Known, ticket: Ticket) -> Placed:
    if bytes(known.request_hash) != ticket.digest:
        raise ClientIdTaken(known.id)
    if not known.is_rejected:
        return Placed(known.id, None, is_new=False)
    detail = "It was rejected when it was first sent: mend the cause and send it with a new client_order_id."
    return Placed(known.id, Violation(rule=known.status_reason, detail=detail), is_new=False)


async def _making(ticket: Ticket, scene: Scene, clock: Clock) -> Making:
    now = scene.facts.now
    return Making(
        ids=tuple(sorted(uuid7(clock) for _ in range(count_of(ticket)))),
        account_id=scene.books.account_id,
        currency=scene.market.currency,
        expires_at=await lapse_of(ticket.time_in_force, ticket.expires_at, scene.market.exchange, now),
        reference_price=scene.market.price,
    )


def _first_moves(orders: Sequence[Order], facts: Facts, broken: Violation | None) -> list[Change]:
    if broken is not None:
        return [Change(order, apply(order, Reject(broken.rule))) for order in orders]
    held = [Change(order, apply(order, Hold())) for order in orders if order.parent_id is not None]
    return [*accepted(at_once(orders), facts), *held]


async def _end(
    connection: Transaction, books: Books, family: dict[UUID, Order], order: Order, event: Event, clock: Clock
) -> None:
    ended = cascade(order, event, family.values())
    await order_rows.reserve(connection, ended.changes)
    await order_rows.record(connection, ended.changes, owner_id=books.owner_id, clock=clock)


__all__ = [
    "BY_OWNER",
    "FIRST_DUE",
    "ClientIdTaken",
    "Due",
    "InvalidTransition",
    "OrderRefused",
    "OrderUnknown",
    "Placed",
    "Plan",
    "Scene",
    "Screen",
    "accepted",
    "cancel",
    "due",
    "end",
    "expire",
    "opened",
    "owner_of",
    "place",
    "prepare",
    "scene_of",
    "write",
]
