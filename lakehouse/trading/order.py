"""An order as a frozen value, and the closed sets that describe it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from lakehouse.errors import TidemarkError


class Status(StrEnum):
    """Where an order stands."""

    NEW = "new"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REPLACED = "replaced"
    REJECTED = "rejected"
    HELD = "held"


class Side(StrEnum):
    """Whether units come or go."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """What sets an order off and which price it accepts."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TAKE_PROFIT = "take_profit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(StrEnum):
    """How long an order works."""

    DAY = "day"
    GTC = "gtc"
    GTD = "gtd"
    IOC = "ioc"
    FOK = "fok"


class OrderClass(StrEnum):
    """Whether an order stands alone or in a family."""

    SIMPLE = "simple"
    BRACKET = "bracket"
    OCO = "oco"


class Leg(StrEnum):
    """An order's part in its family; an order that stands alone is an entry."""

    ENTRY = "entry"
    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"


OPEN: Final = frozenset({Status.NEW, Status.HELD, Status.ACCEPTED, Status.PARTIALLY_FILLED})
WORKING: Final = frozenset({Status.ACCEPTED, Status.PARTIALLY_FILLED})
AT_ONCE: Final = frozenset({TimeInForce.IOC, TimeInForce.FOK})
WITH_LIMIT: Final = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT})
WITH_STOP: Final = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})

# The legal moves, as `trading.order_move` has them: a test proves that the two are equal.
MOVES: Final = frozenset(
    (Status(start), Status(end))
    for start, ends in {
        "new": "accepted rejected held",
        "held": "accepted canceled rejected expired",
        "accepted": "partially_filled filled canceled expired replaced rejected",
        "partially_filled": "partially_filled filled canceled expired replaced",
    }.items()
    for end in ends.split()
)


class TradingError(TidemarkError):
    """Something that the state of an order forbids; `rule` names what."""

    rule = "trading_error"


class InvalidTransition(TradingError):
    """The order's status has no such move."""

    rule = "not_possible_in_this_status"

    def __init__(self, order: "Order", target: Status) -> None:
        super().__init__(f"Order {order.id} is {order.status}: it cannot become {target}.")
        self.order = order


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order at one version. Prices are in the instrument's currency a unit, quantities in units, always positive.

    A trailing stop starts at `stop_price` and follows the price at `trail_amount`, or `trail_percent` of it.
    `reserved_minor` (minor units of `currency`) and `reserved_quantity` (units) are what the order keeps back for its
    unfilled part.
    """

    id: UUID
    portfolio_id: UUID
    account_id: UUID
    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal
    currency: str
    source: str
    expires_at: datetime | None = None
    filled_quantity: Decimal = Decimal(0)
    average_fill_price: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    reference_price: Decimal | None = None
    order_class: OrderClass = OrderClass.SIMPLE
    leg: Leg = Leg.ENTRY
    parent_id: UUID | None = None
    oco_group: UUID | None = None
    replaces: UUID | None = None
    replaced_by: UUID | None = None
    status: Status = Status.NEW
    status_reason: str = ""
    reserved_minor: int = 0
    reserved_quantity: Decimal = Decimal(0)
    lots: tuple[tuple[UUID, Decimal], ...] = ()
    version: int = 1
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None

    @property
    def leaves(self) -> Decimal:
        """Units that are not filled yet."""
        return self.quantity - self.filled_quantity

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_working(self) -> bool:
        """Whether a venue may fill it."""
        return self.status in WORKING
