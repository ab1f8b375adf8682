"""What a trade looks like on the wire."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from lakehouse.trading.order import OrderType, Side, TimeInForce
from lakehouse.trading.ticket import Ticket
from serving.kit.crud.batch import Batch
from serving.kit.crud.listing import ListQuery
from serving.kit.types import CurrencyCode, Number, Omittable, Optionally, Price, Quantity, Symbol, number_only
from serving.orders.schemas import ClientOrderId, Source
from serving.portfolios.schemas import DEMO_PORTFOLIO

MAX_BATCH = 100
TIME_TEXT = "day: until the exchange's next close; gtc: until canceled; ioc, fok: now"
SIDE_PATTERN = "^([Bb][Uu][Yy]|[Ss][Ee][Ll][Ll])$"

# A whole number may also be written as a JSON number: it is exact.
Units = Quantity | Annotated[int, Field(ge=1, le=1_000_000_000, examples=[10]), BeforeValidator(number_only)]
TradeType = Literal["market", "limit", "stop", "stop_limit", "stop_loss", "stop-loss", "take_profit", "take-profit"]


class TradeIn(BaseModel):
    """An order in the short form."""

    model_config = ConfigDict(extra="forbid")

    portfolio_id: UUID = Field(description="portfolio of yours that trades", examples=[DEMO_PORTFOLIO])
    symbol: Symbol = Field(description="instrument")
    side: Annotated[str, Field(pattern=SIDE_PATTERN, examples=["BUY"])] = Field(description="BUY or SELL, in any case")
    order_type: TradeType = Field("market", description="stop_loss is another word for stop")
    quantity: Units = Field(description="units: a string of digits, or a whole number")
    source: Source = Field("api", description="who places it: api, automation, a strategy's name")
    limit_price: Omittable[Price] = Field(None, description="for limit, stop_limit and take_profit")
    stop_price: Omittable[Price] = Field(None, description="for stop and stop_limit")
    time_in_force: Literal["day", "gtc", "ioc", "fok"] = Field("day", description=TIME_TEXT)
    client_order_id: Omittable[ClientOrderId] = Field(None, description="your own id: a retry with it finds the order")

    @property
    def ticket(self) -> Ticket:
        """The order that it asks for."""
        name = self.order_type.replace("-", "_")
        return Ticket(
            portfolio_id=self.portfolio_id,
            symbol=self.symbol,
            side=Side(self.side.lower()),
            type=OrderType("stop" if name == "stop_loss" else name),
            quantity=self.quantity if not isinstance(self.quantity, int) else Decimal(self.quantity),
            source=self.source,
            client_order_id=self.client_order_id,
            time_in_force=TimeInForce(self.time_in_force),
            limit_price=self.limit_price,
            stop_price=self.stop_price,
        )


class TradeBatch(Batch[TradeIn]):
    """Trades to place together."""

    items: Annotated[list[TradeIn], Field(min_length=1, max_length=MAX_BATCH)] = Field(description="in this order")


ManyTrades = TradeBatch | Annotated[list[TradeIn], Field(min_length=1, max_length=MAX_BATCH)]


class TradeQuery(ListQuery):
    """Filters and orders of the list."""

    portfolio_id: Optionally[UUID] = Field(None, description="executions of this portfolio")
    order_id: Optionally[UUID] = Field(None, description="executions of this order")
    symbol: Optionally[Symbol] = Field(None, description="executions in this instrument")
    side: Optionally[Side] = Field(None, description="buy or sell")
    sort: Literal["id", "-id", "filled_at", "-filled_at"] = Field("id", description="- means newest first")


class TradeOut(BaseModel):
    """An execution: booked once, never changed."""

    id: UUID
    order_id: UUID = Field(description="order that was filled")
    portfolio_id: UUID
    venue_trade_id: str = Field(description="the venue's own number")
    symbol: str
    side: Side
    quantity: Number = Field(description="units")
    price: Number = Field(description="price of a unit")
    currency: CurrencyCode
    gross: Number = Field(description="quantity times price times the instrument's multiplier")
    fee: Number
    transaction_id: UUID = Field(description="transaction that booked it")
    surveillance_score: float | None = Field(description="of its order: 0 usual, 0.5 and more an alert")
    surveillance_alert: bool | None = Field(description="of its order")
    filled_at: datetime = Field(description="when the venue traded")
    created_at: datetime = Field(description="when it was booked")
