"""What an order looks like on the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from lakehouse.trading.order import Leg, OrderClass, OrderType, Side, Status, TimeInForce
from serving.kit.crud.batch import Batch
from serving.kit.crud.listing import ListQuery
from serving.kit.patch import MergePatch
from serving.kit.types import (
    MAX_LOTS,
    CurrencyCode,
    Instant,
    LotPick,
    NotNegative,
    Number,
    Omittable,
    Optionally,
    Percent,
    Price,
    Quantity,
    Symbol,
)
from serving.portfolios.schemas import DEMO_PORTFOLIO

MAX_BATCH = 100
CLIENT_ID_PATTERN = "^[A-Za-z0-9._:-]{1,100}$"  # the legs of a family get a suffix
VENUE_ID_PATTERN = "^[A-Za-z0-9._:-]{1,128}$"

ClientOrderId = Annotated[str, Field(pattern=CLIENT_ID_PATTERN, examples=["rebalance-2026-03-02-AAPL"])]
Source = Annotated[str, Field(pattern="^[a-z][a-z0-9_-]{0,39}$", examples=["api"])]

TIME_IN_FORCE = Field(
    TimeInForce.DAY,
    description="day: until the exchange's next close; gtc: until canceled; gtd: until expires_at; ioc, fok: now",
)


class TakeProfit(BaseModel):
    """The leg that takes the gain."""

    model_config = ConfigDict(extra="forbid")

    limit_price: Price = Field(description="price at which the gain is taken", examples=["150"])


class StopLoss(BaseModel):
    """The leg that ends the loss."""

    model_config = ConfigDict(extra="forbid")

    stop_price: Price = Field(description="price that sets it off", examples=["90"])
    limit_price: Omittable[Price] = Field(None, description="worst acceptable price; left out, any price")
    trail_amount: Omittable[Price] = Field(None, description="the stop follows the price this far behind")
    trail_percent: Omittable[Percent] = Field(None, description="the same in per cent of the price")


class OrderIn(BaseModel):
    """An order, a bracket (entry, take_profit, stop_loss) or an oco (take_profit, stop_loss)."""

    model_config = ConfigDict(extra="forbid")

    portfolio_id: UUID = Field(description="portfolio of yours that trades", examples=[DEMO_PORTFOLIO])
    client_order_id: Omittable[ClientOrderId] = Field(
        None, description="your own id, once a portfolio: a retry with it finds this order; left out, the order's id"
    )
    symbol: Symbol = Field(description="instrument")
    side: Side = Field(description="of a bracket the entry's, of an oco the legs'", examples=["buy"])
    type: OrderType = Field(OrderType.MARKET, description="of a bracket the entry's; leave it out of an oco")
    quantity: Quantity = Field(description="units", examples=["10"])
    limit_price: Omittable[Price] = Field(None, description="for limit, stop_limit and take_profit")
    stop_price: Omittable[Price] = Field(
        None, description="for stop and stop_limit; of a trailing_stop where it starts, left out by the last price"
    )
    trail_amount: Omittable[Price] = Field(
        None, description="of a trailing_stop: how far the stop follows the best price", examples=["5"]
    )
    trail_percent: Omittable[Percent] = Field(None, description="the same in per cent of that price")
    time_in_force: TimeInForce = TIME_IN_FORCE
    expires_at: Omittable[Instant] = Field(None, description="for gtd", examples=["2030-01-02T21:00:00Z"])
    order_class: OrderClass = Field(OrderClass.SIMPLE, description="bracket and oco need take_profit and stop_loss")
    take_profit: Omittable[TakeProfit] = Field(None, description="leg of a bracket or oco")
    stop_loss: Omittable[StopLoss] = Field(None, description="leg of a bracket or oco")
    lots: Omittable[Annotated[list[LotPick], Field(min_length=1, max_length=MAX_LOTS)]] = Field(
        None,
        description="lots that a sale closes, adding up to quantity; counts where the account's method is specific",
    )
    source: Source = Field("api", description="who places it: api, automation, a strategy's name")


class OrderBatch(Batch[OrderIn]):
    """Orders to place together."""

    items: Annotated[list[OrderIn], Field(min_length=1, max_length=MAX_BATCH)] = Field(description="in this order")


ManyOrders = OrderBatch | Annotated[list[OrderIn], Field(min_length=1, max_length=MAX_BATCH)]


class OrderPatch(MergePatch):
    """What the new order shall have differently; it takes the place of the old one's unfilled part. A trailing_stop
    trails anew from the last price, whatever is asked for: with the trail that it has, its stop begins there or where
    the old one's began, whichever is nearer."""

    client_order_id: Optionally[ClientOrderId] = Field(None, description="your own id of the new order")
    quantity: Optionally[Quantity] = Field(None, description="units that shall still be filled")
    limit_price: Optionally[Price] = Field(None, description="where the type has one")
    stop_price: Optionally[Price] = Field(
        None, description="where the type has one; left out, that of a trailing_stop starts behind the last price"
    )
    trail_amount: Optionally[Price] = Field(
        None, description="of a trailing_stop, instead of the trail that it has", examples=["5"]
    )
    trail_percent: Optionally[Percent] = Field(None, description="the same in per cent of the price")
    time_in_force: Optionally[TimeInForce] = Field(None, description="not of a bracket or oco")
    expires_at: Optionally[Instant] = Field(None, description="for gtd")


class OrderQuery(ListQuery):
    """Filters and orders of the list."""

    portfolio_id: Optionally[UUID] = Field(None, description="orders of this portfolio")
    symbol: Optionally[Symbol] = Field(None, description="orders in this instrument")
    side: Optionally[Side] = Field(None, description="buy or sell")
    status: Optionally[Literal["open"] | Status] = Field(
        None, description="a status, or `open`: new, held, accepted or partially_filled"
    )
    client_order_id: Optionally[Annotated[str, Field(pattern="^[A-Za-z0-9._:-]{1,128}$")]] = Field(
        None, description="the client's own id: at most one order a portfolio"
    )
    sort: Literal["id", "-id", "updated_at", "-updated_at"] = Field("id", description="- means newest first")


class OrderOut(BaseModel):
    """An order and its state."""

    id: UUID = Field(description="UUIDv7: ids sort by the time orders were placed")
    portfolio_id: UUID
    account_id: UUID
    client_order_id: str = Field(description="the client's own id, or the order's where none was given")
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    expires_at: datetime | None = Field(description="when it lapses; null: never")
    quantity: Number = Field(description="units ordered")
    filled_quantity: Number = Field(description="units filled")
    leaves_quantity: Number = Field(description="units neither filled nor given up")
    average_fill_price: Number | None = Field(description="mean price of its fills; null before the first")
    limit_price: Number | None
    stop_price: Number | None = Field(description="price that sets it off; of a trailing_stop where it starts")
    trail_amount: Number | None = Field(description="how far a trailing_stop follows the best price")
    trail_percent: Number | None = Field(description="the same in per cent of that price")
    reference_price: Number | None = Field(description="last price that was known when it was placed")
    order_class: OrderClass
    leg: Leg = Field(description="its part in a bracket or oco")
    parent_id: UUID | None = Field(description="entry of the bracket that the leg belongs to")
    oco_group: UUID | None = Field(description="orders of one group cancel each other")
    replaces: UUID | None = Field(description="order whose place it took")
    replaced_by: UUID | None = Field(description="order that took its place")
    status: Status
    status_reason: str = Field(description="name of the rule or cause; empty where there is none")
    source: str
    currency: CurrencyCode = Field(description="of prices, reservation and fills")
    reserved_cash: Number = Field(description="cash kept back for the unfilled part, fees included")
    reserved_quantity: Number = Field(description="units kept back for the unfilled part")
    surveillance_score: float | None = Field(description="0 usual, 0.5 and more an alert; null for a bracket's legs")
    surveillance_alert: bool | None = Field(description="whether the score reaches the limit of 0.5")
    surveillance_reason: str = Field(
        description="usual, notional, quantity, price_deviation, frequency or insufficient_history; followed by "
        "`by NAME@VERSION` where a trained model gave the score"
    )
    version: int = Field(ge=1, description="goes up by one with each change: the ETag, and seq of its events")
    created_at: datetime
    updated_at: datetime


class OrderDetail(OrderOut):
    """An order with its relatives."""

    legs: list[OrderOut] = Field(description="legs of its bracket, or the other leg of its oco")


class OrderEventOut(BaseModel):
    """A change of an order."""

    version: int = Field(ge=1, description="version that it made")
    from_status: Status
    to_status: Status
    reason: str = Field(description="name of the rule or cause")
    fill_id: UUID | None = Field(description="fill that moved it")
    occurred_at: datetime


class OrderHistory(BaseModel):
    """Everything that happened to an order."""

    order_id: UUID
    data: list[OrderEventOut] = Field(description="by version, without gaps")


class FillIn(BaseModel):
    """What the venue reports."""

    model_config = ConfigDict(extra="forbid")

    venue_trade_id: Annotated[str, Field(pattern=VENUE_ID_PATTERN, examples=["SIM-1"])] = Field(
        description="the venue's own number, once an order"
    )
    quantity: Quantity = Field(description="units")
    price: Price = Field(description="price of a unit")
    fee: NotNegative = Field(description="fee in the order's currency", examples=["0.35"])
    filled_at: Omittable[Instant] = Field(None, description="when the venue traded; left out, now")


class Breach(BaseModel):
    """Members that a refusal by a rule has besides those of every problem."""

    rule: str = Field(description="stable name of the rule")
    limit: str | None = Field(description="what was met; null where the rule has no limit")
    order_id: UUID | None = Field(description="order that was rejected, or that is in the way of this id or change")
    conflicting_order_id: UUID | None = Field(description="order of yours that is in the way")
