"""From the wire's words to those of the trading room."""

from dataclasses import asdict
from uuid import UUID

from lakehouse.stores.books.order_replacing import Wish
from lakehouse.trading.ticket import Exit, Ticket, digest_of, without_trails
from serving.orders.schemas import OrderIn, OrderPatch, StopLoss, TakeProfit


def ticket_of(body: OrderIn) -> Ticket:
    """The client's wish."""
    return Ticket(
        portfolio_id=body.portfolio_id,
        symbol=body.symbol,
        side=body.side,
        type=body.type,
        quantity=body.quantity,
        source=body.source,
        client_order_id=body.client_order_id,
        time_in_force=body.time_in_force,
        expires_at=body.expires_at,
        limit_price=body.limit_price,
        stop_price=body.stop_price,
        trail_amount=body.trail_amount,
        trail_percent=body.trail_percent,
        order_class=body.order_class,
        take_profit=_exit(body.take_profit),
        stop_loss=_exit(body.stop_loss),
        lots=tuple((pick.lot_id, pick.quantity) for pick in body.lots or ()),
    )


def wish_of(patch: OrderPatch) -> Wish:
    """What shall be different."""
    return Wish(
        client_order_id=patch.client_order_id,
        quantity=patch.quantity,
        limit_price=patch.limit_price,
        stop_price=patch.stop_price,
        time_in_force=patch.time_in_force,
        expires_at=patch.expires_at,
        trail_amount=patch.trail_amount,
        trail_percent=patch.trail_percent,
    )


def digest_of_replacement(order_id: UUID, wish: Wish) -> bytes:
    """Equal for equal replacements of one order, however their numbers were written."""
    return digest_of({"order_id": order_id, **asdict(wish, dict_factory=without_trails)})


def _exit(leg: TakeProfit | StopLoss | None) -> Exit | None:
    if leg is None:
        return None
    if isinstance(leg, TakeProfit):
        return Exit(limit_price=leg.limit_price)
    return Exit(
        limit_price=leg.limit_price,
        stop_price=leg.stop_price,
        trail_amount=leg.trail_amount,
        trail_percent=leg.trail_percent,
    )
