"""The use cases of orders: they translate what clients want into the books' words, and refusals back."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from psycopg import DataError, IntegrityError

from lakehouse.clock import Clock
from lakehouse.domain.currency import to_minor
from lakehouse.stores.books import at_broker, booking, fills, orders
from lakehouse.stores.books.order_policy import Policy
from lakehouse.stores.books.order_replacing import Request, Wish, replace_order
from lakehouse.stores.postgres import Transaction
from lakehouse.trading.checks import Violation
from lakehouse.trading.order import InvalidTransition, Status
from lakehouse.trading.ticket import BadForm, Ticket
from ml.checks.champion import Champion
from ml.checks.orders import screen_with
from serving.audit import log as audit
from serving.kit import versions
from serving.kit.access import Principal
from serving.kit.constraints import refusal_of
from serving.kit.crud.service import CrudService, Skipped
from serving.kit.database import Database
from serving.kit.problems import ApiError
from serving.orders import problems
from serving.orders.answers import detail_of
from serving.orders.counting import OrderCounts
from serving.orders.repository import ORDERS, OrderRepository
from serving.orders.schemas import FillIn, OrderDetail, OrderEventOut, OrderIn, OrderOut, OrderPatch
from serving.orders.tickets import digest_of_replacement, wish_of
from serving.portfolios.service import PortfolioNotFound


async def nothing() -> None:
    """Write nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The order as it stands once `write` has written it; `rejection` is the rule that rejected it, `is_new` False for
    a retry, which writes nothing."""

    order: OrderDetail
    is_new: bool
    rejection: ApiError | None = None
    write: Callable[[], Awaitable[None]] = nothing


class OrderService(CrudService[OrderIn, OrderOut]):
    """Orders of the caller. Methods with a connection belong into the caller's transaction."""

    def __init__(
        self, database: Database, clock: Clock, counts: OrderCounts, champion: Champion, *, policy: Policy
    ) -> None:
        self._champion = champion
        self._orders = OrderRepository(database, ORDERS)
        self._policy = policy
        super().__init__(database, self._orders, clock)
        self._counts = counts

    def missing(self, row_id: UUID) -> ApiError:
        """The refusal for an order that is nobody's, or somebody else's."""
        return problems.OrderNotFound(row_id)

    async def with_legs(self, principal: Principal, order_id: UUID) -> OrderDetail:
        """The order and its relatives. Raises OrderNotFound."""
        found = await self._orders.with_legs(principal, order_id)
        if found is None:
            raise problems.OrderNotFound(order_id)
        return found

    async def history(self, principal: Principal, order_id: UUID) -> list[OrderEventOut]:
        """Every change of the order. Raises OrderNotFound."""
        await self.detail(principal, order_id)
        return await self._orders.history(order_id)

    async def decide(self, connection: Transaction, principal: Principal, ticket: Ticket) -> Outcome:
        """What becomes of the ticket's orders, or where they were placed before; the caller has to `write` it, which
        reads nothing. A rejected order is an outcome.

        Raises PortfolioNotFound, OrderRefused and ClientOrderIdReused; nothing may be committed then.
        """
        screen = screen_with(ticket.digest, self.clock, self._champion)
        with self._translated(portfolio_id=ticket.portfolio_id):
            plan = await orders.prepare(
                connection,
                ticket,
                owner_id=principal.user_id,
                clock=self.clock,
                screen=screen,
                policy=self._policy,
            )
        if isinstance(plan, orders.Placed):
            self._counts.orders.labels("repeated").inc()
            order = await self._orders.written_with_legs(connection, plan.order_id)
            return Outcome(order, is_new=False, rejection=_rejection(order, plan.violation))
        order = detail_of(plan)
        write = partial(self._write, connection, principal, plan, order)
        return Outcome(order, is_new=True, rejection=_rejection(order, plan.violation), write=write)

    async def place_many(
        self, connection: Transaction, principal: Principal, tickets: Sequence[Ticket], *, atomic: bool
    ) -> list[OrderDetail | ApiError]:
        """Each ticket's order or refusal, in order; if `atomic` and one was refused, the others are Skipped and
        nothing may be committed."""
        portfolios = {ticket.portfolio_id for ticket in tickets}
        await booking.open_many(connection, portfolios, owner_id=principal.user_id)
        outcomes = [await self._try(connection, principal, ticket) for ticket in tickets]
        if atomic and any(isinstance(each, ApiError) for each in outcomes):
            return [each if isinstance(each, ApiError) else Skipped() for each in outcomes]
        return outcomes

    async def replace(
        self, connection: Transaction, principal: Principal, order_id: UUID, patch: OrderPatch, if_match: str | None
    ) -> OrderDetail:
        """The order that takes the old one's place. Raises OrderNotFound, VersionConflict, OrderRefused and
        ClientOrderIdReused."""
        await self._check_version(connection, principal, order_id, if_match)
        wish = wish_of(patch)
        request = Request(
            order_id=order_id,
            owner_id=principal.user_id,
            wish=wish,
            digest=digest_of_replacement(order_id, wish),
        )
        if wish == Wish():
            broken = Violation(rule="no_change", detail="The patch changes nothing: name what shall be different.")
            raise problems.OrderRefused(broken, order_id)
        with self._translated(order_id=order_id):
            new_id, is_new = await replace_order(
                connection,
                request,
                clock=self.clock,
                screen=screen_with(request.digest, self.clock, self._champion),
                policy=self._policy,
            )
        order = await self._orders.written_with_legs(connection, new_id)
        if is_new:
            await self._audit(connection, principal, "order.replaced", order)
        return order

    async def cancel(
        self, connection: Transaction, principal: Principal, order_id: UUID, if_match: str | None
    ) -> OrderDetail:
        """The canceled order; one that was canceled before stays as it is, one that a broker has is open until it ends
        there. Raises OrderNotFound, VersionConflict and OrderRefused."""
        before = await self._check_version(connection, principal, order_id, if_match)
        with self._translated(order_id=order_id):
            await orders.cancel(connection, order_id, owner_id=principal.user_id, clock=self.clock)
        order = await self._orders.written_with_legs(connection, order_id)
        if order.version != before.version:
            await self._audit(connection, principal, "order.canceled", order)
        elif order.status != Status.CANCELED:
            await self._audit(connection, principal, "order.cancel_asked", order)
        return order

    async def fill(
        self, connection: Transaction, principal: Principal, order_id: UUID, report: FillIn
    ) -> tuple[OrderDetail, bool]:
        """The order after a fill, whoever owns it, and whether the fill was new. Raises OrderNotFound, FillNotBooked
        and CurrencyError."""
        found = await self.detail(principal, order_id)
        said = fills.Report(
            order_id=order_id,
            venue_trade_id=report.venue_trade_id,
            quantity=report.quantity,
            price=report.price,
            fee_minor=to_minor(report.fee, found.currency),
            filled_at=report.filled_at or self.clock.now(),
        )
        with self._translated(order_id=order_id), self._counted():
            await orders.opened(connection, order_id)  # the lock before the look
            if await at_broker.is_there(connection, order_id):
                raise fills.FillRefused(
                    "at_a_broker", "A broker has the order: its trades are booked as it tells them."
                )
            result = await fills.fill(connection, said, clock=self.clock)
        order = await self._orders.written_with_legs(connection, order_id)
        if result.is_new:
            self._counts.fill_seconds.observe(max(0.0, (said.filled_at - order.created_at).total_seconds()))
            await self._audit(connection, principal, "order.filled_by_hand", order)
        return order, result.is_new

    # --- inside ----------------------------------------------------------------------------------------------

    async def _write(
        self, connection: Transaction, principal: Principal, plan: orders.Plan, order: OrderDetail
    ) -> None:
        audit_it = partial(self._audit, connection, principal, f"order.{order.status}", order)
        await orders.write(connection, plan, clock=self.clock, also=audit_it)
        self._counts.orders.labels("accepted" if plan.violation is None else "rejected").inc()

    async def _try(self, connection: Transaction, principal: Principal, ticket: Ticket) -> OrderDetail | ApiError:
        try:
            async with connection.transaction():
                outcome = await self.decide(connection, principal, ticket)
                await outcome.write()
        except (DataError, IntegrityError) as error:
            return refusal_of(error)
        except ApiError as error:
            return error
        return outcome.rejection or outcome.order

    async def _check_version(
        self, connection: Transaction, principal: Principal, order_id: UUID, if_match: str | None
    ) -> OrderOut:
        """The caller's order before a change, under the account's lock."""
        with self._translated(order_id=order_id):
            await orders.opened(connection, order_id, owner_id=principal.user_id)
        current = (await self._orders.read_back(connection, [order_id]))[0]
        versions.check(if_match, current.version)
        return current

    async def _audit(self, connection: Transaction, principal: Principal, action: str, order: OrderDetail) -> None:
        told = order.model_dump(
            mode="json",
            include={"client_order_id", "symbol", "side", "type", "quantity", "limit_price", "stop_price", "status"},
        )
        await audit.record(
            connection, principal, action, clock=self.clock, object_kind="order", object_id=order.id, after=told
        )

    @contextmanager
    def _translated(self, *, portfolio_id: UUID | None = None, order_id: UUID | None = None) -> Iterator[None]:
        """The books' refusals as answers."""
        try:
            yield
        except orders.OrderUnknown as error:
            missing = problems.OrderNotFound(order_id) if order_id else PortfolioNotFound(portfolio_id or UUID(int=0))
            raise missing from error
        except orders.ClientIdTaken as error:
            raise problems.ClientOrderIdReused(error.order_id) from error
        except orders.OrderRefused as error:
            raise problems.OrderRefused(error.violation, order_id) from error
        except (BadForm, InvalidTransition) as error:
            raise problems.OrderRefused(Violation(rule=error.rule, detail=str(error)), order_id) from error
        except fills.FillRefused as error:
            raise problems.FillNotBooked(error.rule, error.detail, order_id or UUID(int=0)) from error

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except (fills.FillRefused, DataError, IntegrityError):
            self._counts.fills.labels("failure").inc()
            raise
        self._counts.fills.labels("success").inc()


def _rejection(order: OrderDetail, broken: Violation | None) -> ApiError | None:
    return None if broken is None else problems.OrderRejected(order.id, broken)
