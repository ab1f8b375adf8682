"""New orders as they are answered, made of what is written: reading the rows back would be a round trip."""

from datetime import UTC, datetime

from lakehouse.domain.currency import from_minor
from lakehouse.stores.books.order_rows import Screening
from lakehouse.stores.books.orders import Plan
from lakehouse.trading.order import Order
from serving.orders.schemas import OrderDetail, OrderOut


def detail_of(plan: Plan) -> OrderDetail:
    """The client's order with its relatives, as `GET /api/v1/orders/{order_id}` will show it."""
    first, *others = (_out(order, plan.screening, plan.at) for order in plan.orders)
    return OrderDetail(**dict(first), legs=others)


def _out(order: Order, screening: Screening, at: datetime) -> OrderOut:
    return OrderOut(
        id=order.id,
        portfolio_id=order.portfolio_id,
        account_id=order.account_id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        expires_at=None if order.expires_at is None else order.expires_at.astimezone(UTC),
        quantity=order.quantity,
        filled_quantity=order.filled_quantity,
        leaves_quantity=order.leaves,
        average_fill_price=order.average_fill_price,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        trail_amount=order.trail_amount,
        trail_percent=order.trail_percent,
        reference_price=order.reference_price,
        order_class=order.order_class,
        leg=order.leg,
        parent_id=order.parent_id,
        oco_group=order.oco_group,
        replaces=order.replaces,
        replaced_by=order.replaced_by,
        status=order.status,
        status_reason=order.status_reason,
        source=order.source,
        currency=order.currency,
        reserved_cash=from_minor(order.reserved_minor, order.currency),
        reserved_quantity=order.reserved_quantity,
        surveillance_score=screening.score,
        surveillance_alert=screening.is_alert,
        surveillance_reason=screening.reason,
        version=order.version,
        created_at=at,
        updated_at=at,
    )
