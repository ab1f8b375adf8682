"""Refusals of orders: each names the rule, what was met, and the order concerned."""

from uuid import UUID

from lakehouse.trading.checks import Violation
from serving.kit.problems import ApiError
from serving.orders.schemas import Breach


class OrderNotFound(ApiError):
    """No order has this id, or it belongs to somebody else."""

    status = 404
    code = "order_not_found"
    title = "No such order"

    def __init__(self, order_id: UUID) -> None:
        super().__init__(f"There is no order {order_id} of yours; GET /api/v1/orders lists those that you have.")


class OrderRejected(ApiError):
    """A pre-trade rule rejected the order. It is on record with status `rejected`, under `order_id`."""

    status = 409
    code = "order_rejected"
    title = "A rule rejected the order"

    def __init__(self, order_id: UUID, broken: Violation) -> None:
        super().__init__(broken.detail, extension=_breach(broken, order_id))


class OrderRefused(ApiError):
    """The order, or change, is impossible as it stands. Nothing was written; what was there goes on."""

    status = 409
    code = "order_refused"
    title = "The order is not possible"

    def __init__(self, broken: Violation, order_id: UUID | None = None) -> None:
        super().__init__(broken.detail, extension=_breach(broken, order_id))


class ClientOrderIdReused(ApiError):
    """The client_order_id belongs to an order with another content, named by `order_id`."""

    status = 409
    code = "client_order_id_reused"
    title = "This client_order_id belongs to another order"

    def __init__(self, order_id: UUID) -> None:
        broken = Violation(
            rule=self.code, detail=f"Order {order_id} has it, with another content: make a new id for a new order."
        )
        super().__init__(broken.detail, extension=_breach(broken, order_id))


class FillNotBooked(ApiError):
    """The order, its account or the books do not take the fill; nothing was written."""

    status = 409
    code = "fill_refused"
    title = "The fill cannot be booked"

    def __init__(self, rule: str, detail: str, order_id: UUID) -> None:
        super().__init__(detail, extension=_breach(Violation(rule=rule, detail=detail), order_id))


def _breach(broken: Violation, order_id: UUID | None) -> Breach:
    return Breach(
        rule=broken.rule,
        limit=broken.limit,
        order_id=order_id,
        conflicting_order_id=broken.conflicting_order_id,
    )


REFUSALS: tuple[type[ApiError], ...] = (
    OrderNotFound,
    OrderRejected,
    OrderRefused,
    ClientOrderIdReused,
    FillNotBooked,
)
