"""The rules of confirmations: a fresh proposal's trades become market orders through the same door as all others."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.portfolio.lots import LotMethod
from lakehouse.stores.postgres import Transaction
from lakehouse.trading.order import OrderType, Side, Status
from lakehouse.trading.sessions import session_close
from lakehouse.trading.ticket import Ticket
from serving.audit.log import record
from serving.confirmations.repository import ConfirmationRepository, ProposalRow, TradeRow
from serving.confirmations.schemas import (
    ConfirmationOut,
    ConfirmIn,
    PlacedOut,
    Refusals,
    RefusedLine,
    WaitingOut,
)
from serving.kit.access import Principal
from serving.kit.crud.service import NotFound
from serving.kit.problems import ApiError
from serving.orders.schemas import Breach
from serving.orders.service import OrderService

SOURCE: Final = "automation"
SHORT_OF_CASH: Final = "buying_power"


class ProposalClosed(ApiError):
    """The proposal has no trades, or a newer one is there."""

    status = 409
    code = "proposal_closed"
    title = "The proposal cannot be acted on"


class ProposalStale(ApiError):
    """The session that the proposal is for is over, or prices have moved too far since its close."""

    status = 409
    code = "proposal_stale"
    title = "The proposal is stale"


class TradesRefused(ApiError):
    """Pre-trade rules refuse trades of the proposal; no order was placed."""

    status = 409
    code = "proposal_refused"
    title = "Rules refuse trades of the proposal"

    def __init__(self, refused: Sequence[RefusedLine]) -> None:
        said = "; ".join(f"{each.symbol}: {each.detail}" for each in refused)
        super().__init__(f"No order was placed. {said}", extension=Refusals(refused=list(refused)))


@dataclass(slots=True)
class _Placing:
    """Orders of one confirmation, one after the other: each sees what the ones before keep back."""

    orders: OrderService
    connection: Transaction
    principal: Principal
    has_sales: bool
    placed: list[PlacedOut] = field(default_factory=list)
    waiting: list[WaitingOut] = field(default_factory=list)
    refused: list[RefusedLine] = field(default_factory=list)

    async def place(self, ticket: Ticket, trade: TradeRow) -> None:
        """Place one order, or note why not, and write nothing."""
        try:
            outcome = await self.orders.decide(self.connection, self.principal, ticket)
        except ApiError as error:
            self._refuse(trade, error)
            return
        if outcome.rejection is not None:
            self._refuse(trade, outcome.rejection)
            return
        await outcome.write()
        self.placed.append(_placed(trade, outcome.order.id, outcome.order.status))

    def _refuse(self, trade: TradeRow, refusal: ApiError) -> None:
        rule = refusal.extension.rule if isinstance(refusal.extension, Breach) else refusal.code
        if rule == SHORT_OF_CASH and self.has_sales:
            self.waiting.append(WaitingOut(line=trade.line, symbol=trade.symbol, rule=rule, detail=refusal.detail))
        else:
            self.refused.append(RefusedLine(line=trade.line, symbol=trade.symbol, rule=rule, detail=refusal.detail))


class ConfirmationService:
    """Confirmations of the caller's proposals, inside the caller's transaction."""

    def __init__(self, repository: ConfirmationRepository, *, clock: Clock, exchange: str, tolerance: float) -> None:
        self._repository = repository
        self._clock = clock
        self._exchange = exchange
        self._tolerance = Decimal(repr(tolerance))

    async def confirm(
        self,
        connection: Transaction,
        principal: Principal,
        proposal_id: UUID,
        asked: ConfirmIn,
        *,
        orders: OrderService,
    ) -> ConfirmationOut:
        """Place the orders, sales first; all that the rules refuse is told at once, and then nothing is placed.

        A purchase that lacks cash while the proposal has sales waits for them. After a dry run the caller rolls back.
        Raises NotFound, ProposalClosed, ProposalStale and TradesRefused; nothing may be committed then.
        """
        proposal = await self._repository.own(connection, principal, proposal_id)
        if proposal is None:
            raise NotFound(f"There is no proposal {proposal_id} of yours.")
        trades = await self._repository.trades(connection, proposal_id, self._clock.now().date())
        chosen = [trade for trade in _chosen(trades, asked.lines) if trade.order_id is None]
        await self._check(proposal, chosen)
        placing = _Placing(orders, connection, principal, has_sales=any(trade.side == Side.SELL for trade in trades))
        for trade in sorted(chosen, key=lambda each: (each.side != Side.SELL, each.line)):
            await placing.place(_ticket(proposal, trade), trade)
        if placing.refused:
            raise TradesRefused(placing.refused)
        if placing.placed and not asked.dry_run:
            await self._note(connection, principal, proposal_id, placing.placed)
        placed = [_imagined(each) for each in placing.placed] if asked.dry_run else placing.placed
        before = [_placed(each, each.order_id, each.order_status) for each in trades if each.order_id is not None]
        return ConfirmationOut(
            proposal_id=proposal_id,
            dry_run=asked.dry_run,
            placed=sorted([*before, *placed], key=lambda each: each.line),
            waiting=placing.waiting,
        )

    async def warm(self) -> None:
        """Ask the exchange's calendar once: the first question takes half a second, which no transaction shall wait."""
        await asyncio.to_thread(session_close, self._exchange, self._clock.now())

    async def _check(self, proposal: ProposalRow, trades: Sequence[TradeRow]) -> None:
        if proposal.status != "proposed" or proposal.state != "open":
            raise ProposalClosed(
                f"It is {proposal.state} and {proposal.status}: GET /api/v1/proposals?state=open lists what is open."
            )
        after = datetime.combine(proposal.business_date + timedelta(days=1), time(), UTC)
        until = await asyncio.to_thread(session_close, self._exchange, after)
        again = f"Ask anew by POST /api/v1/portfolios/{proposal.portfolio_id}/allocation."
        if self._clock.now() > until:
            raise ProposalStale(f"It was for the session that ended at {until.isoformat()}. {again}")
        moved = [f"{trade.symbol} ({_shown(trade)})" for trade in trades if self._has_moved(trade)]
        if moved:
            raise ProposalStale(
                f"Prices are no longer within {self._tolerance:.2%} of its own: {', '.join(moved)}. {again}"
            )

    def _has_moved(self, trade: TradeRow) -> bool:
        """Whether the price is another by now; one that is not known cannot be told to be the same."""
        if trade.price is None:
            return True
        return abs(trade.price - trade.reference_price) > self._tolerance * trade.reference_price

    async def _note(
        self, connection: Transaction, principal: Principal, proposal_id: UUID, placed: Sequence[PlacedOut]
    ) -> None:
        orders = {each.line: each.order_id for each in placed if each.order_id is not None}
        await self._repository.became(connection, proposal_id, orders, now=self._clock.now())
        await record(
            connection,
            principal,
            "proposal.confirmed",
            clock=self._clock,
            object_kind="proposal",
            object_id=proposal_id,
            after={"orders": {str(line): str(order) for line, order in orders.items()}},
        )


def _chosen(trades: Sequence[TradeRow], lines: Sequence[int] | None) -> list[TradeRow]:
    if lines is None:
        return list(trades)
    known = {trade.line for trade in trades}
    if strange := sorted(set(lines) - known):
        raise NotFound(f"The proposal has no line {', '.join(map(str, strange))}: its {len(known)} lines begin with 0.")
    return [trade for trade in trades if trade.line in set(lines)]


def _ticket(proposal: ProposalRow, trade: TradeRow) -> Ticket:
    """A market order of the day. Its client_order_id is the trade's own, so that no trade becomes two orders."""
    is_specific = trade.side == Side.SELL and proposal.lot_method == LotMethod.SPECIFIC
    lots = tuple((UUID(lot["lot_id"]), Decimal(lot["quantity"])) for lot in trade.lots) if is_specific else ()
    return Ticket(
        portfolio_id=proposal.portfolio_id,
        symbol=trade.symbol,
        side=Side(trade.side),
        type=OrderType.MARKET,
        quantity=trade.quantity,
        source=SOURCE,
        client_order_id=f"proposal:{proposal.id}:{trade.line}",
        lots=lots if sum(quantity for _, quantity in lots) == trade.quantity else (),
    )


def _placed(trade: TradeRow, order_id: UUID | None, status: str | None) -> PlacedOut:
    return PlacedOut(
        line=trade.line,
        symbol=trade.symbol,
        side=Side(trade.side),
        quantity=trade.quantity,
        order_id=order_id,
        order_status=Status(str(status)),
    )


def _imagined(placed: PlacedOut) -> PlacedOut:
    return placed.model_copy(update={"order_id": None, "order_status": None})


def _shown(trade: TradeRow) -> str:
    if trade.price is None:
        return "no price, or no fresh exchange rate"
    return f"{trade.reference_price:f} then, {trade.price:f} now"
