"""What market data looks like on the wire."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from serving.kit.crud.listing import ListQuery
from serving.kit.paging import CURSOR_PATTERN
from serving.kit.types import (
    CurrencyCode,
    DecimalText,
    Instant,
    IsoDate,
    NotNegative,
    Optionally,
    Price,
    Symbol,
    number_only,
)
from serving.market_data.instants import BoundedInstant
from serving.quotes.schemas import QuoteOut, Warnings

PROVIDER_PATTERN = "^[a-z0-9][a-z0-9._-]{0,63}$"
MAX_SEQ = 2**53

ProviderName = Annotated[str, Field(pattern=PROVIDER_PATTERN, examples=["test-feed"])]


class ObservationIn(BaseModel):
    """A price that a provider reports."""

    model_config = ConfigDict(extra="forbid")

    symbol: Symbol = Field(description="instrument", examples=["AAPL"])
    price: Price = Field(description="last price")
    currency: CurrencyCode = Field(description="the instrument's currency", examples=["USD"])
    provider: ProviderName = Field(description="who says so")
    as_of: Instant = Field(description="when the price was made", examples=["2022-12-28T20:59:59Z"])
    bid: Price | None = Field(None, description="best bid, not above the ask")
    ask: Price | None = Field(None, description="best ask")
    bid_size: NotNegative | None = Field(None, description="units at the bid")
    ask_size: NotNegative | None = Field(None, description="units at the ask")
    previous_close: Price | None = Field(None, description="close of the day before")
    size: NotNegative | None = Field(None, description="units traded at the price")
    seq: Annotated[int, Field(ge=0, le=MAX_SEQ), BeforeValidator(number_only)] = Field(
        0, description="the provider's order among prices of one instant"
    )


class ObservationOut(BaseModel):
    """A price that was observed; it never changes."""

    id: UUID = Field(description="UUIDv7: ids sort by the time of recording")
    symbol: Symbol = Field(description="instrument")
    price: Price = Field(description="last price")
    bid: Price | None = Field(description="best bid")
    ask: Price | None = Field(description="best ask")
    size: NotNegative | None = Field(description="units traded at the price")
    currency: CurrencyCode = Field(description="ISO 4217 code of the prices")
    provider: str = Field(description="who says so")
    as_of: datetime = Field(description="when the price was made")
    seq: int = Field(description="the provider's order among prices of one instant")
    received_at: datetime = Field(description="when it was recorded")


class ObservationQuery(ListQuery):
    """The query of the list."""

    symbol: Optionally[Symbol] = Field(None, description="only this instrument")
    provider: Optionally[ProviderName] = Field(None, description="only of this provider")
    observed_from: Optionally[BoundedInstant] = Field(None, description="only prices made at or after it")
    observed_to: Optionally[BoundedInstant] = Field(None, description="only prices made before it")


class PriceOut(QuoteOut):
    """The latest price of one instrument."""

    warnings: Warnings


class Interval(StrEnum):
    """Lengths of bars."""

    MINUTE = "1m"
    FIVE_MINUTES = "5m"
    DAY = "1d"


class BarsQuery(BaseModel):
    """The query of bars."""

    model_config = ConfigDict(extra="forbid")

    symbol: Symbol = Field(description="instrument", examples=["AAPL"])
    interval: Interval = Field(Interval.DAY, description="length of a bar", examples=["1d"])
    starts_from: Optionally[BoundedInstant] = Field(
        None, alias="from", description="only bars that start at or after it"
    )
    starts_to: Optionally[BoundedInstant] = Field(
        None, alias="to", description="only bars that start before it; now if left out"
    )
    cursor: Optionally[Annotated[str, Field(pattern=CURSOR_PATTERN)]] = Field(
        None, description="where the page starts, from `next` of the page before"
    )
    limit: int = Field(200, ge=1, le=1000, description="bars on a page")


class BarOut(BaseModel):
    """A bar; only the close is always known."""

    starts_at: datetime = Field(description="first instant; of a day, midnight UTC of the trading date")
    open: DecimalText | None = Field(description="first price; null where only the close is known")
    high: DecimalText | None = Field(description="highest price; null where only the close is known")
    low: DecimalText | None = Field(description="lowest price; null where only the close is known")
    close: DecimalText = Field(description="last price")
    volume: DecimalText | None = Field(description="units traded; null where unknown")
    provider: str = Field(description="who says so")


class BarsOut(BaseModel):
    """Bars of an instrument, newest first."""

    symbol: Symbol
    interval: Interval
    currency: CurrencyCode
    data: list[BarOut] = Field(description="newest first")
    has_more: bool = Field(description="true where older bars follow")
    next: str | None = Field(description="path of the next page; null on the last page")
    as_of: datetime | None = Field(description="when the instrument's latest price was made; null where it has none")
    stale: bool = Field(description="true where that is older than market.quote_stale_after_s, or there is none")
    warnings: Warnings


class ProviderOut(BaseModel):
    """A source of prices."""

    name: str
    status: str = Field(description="up, degraded or down, as its adapter last said", examples=["up"])
    quotes: int = Field(ge=0, description="prices recorded from it")
    last_quote_at: datetime | None = Field(description="instant of its newest price")
    stale: bool = Field(description="true where that is older than market.quote_stale_after_s")


class FeedOut(BaseModel):
    """How this process gets its quotes."""

    source: str = Field(description="bus: pushed; table: read from PostgreSQL every second while the bus is gone")
    is_interrupted: bool = Field(description="true where neither has answered lately")


class MarketStatusOut(BaseModel):
    """Providers, counts and freshness."""

    providers: list[ProviderOut] = Field(description="by name")
    feed: FeedOut
    instruments: int = Field(ge=0, description="instruments that are known")
    quoted: int = Field(ge=0, description="instruments with a quote")
    stale: int = Field(ge=0, description="instruments whose quote is stale")
    stale_after_s: float = Field(description="market.quote_stale_after_s")
    warnings: Warnings


class FxRateIn(BaseModel):
    """A rate of a day."""

    model_config = ConfigDict(extra="forbid")

    base: CurrencyCode = Field(description="currency that is priced", examples=["EUR"])
    quote: CurrencyCode = Field(description="currency that prices it", examples=["USD"])
    as_of: IsoDate = Field(description="day that the rate is for", examples=["2022-12-28"])
    rate: Price = Field(description="units of quote for one unit of base", examples=["1.0611"])
    provider: ProviderName = Field(description="who says so")


class FxRateOut(BaseModel):
    """A rate of a day."""

    base: CurrencyCode
    quote: CurrencyCode
    as_of: IsoDate
    rate: Price
    provider: str


class FxQuery(BaseModel):
    """The query of rates."""

    model_config = ConfigDict(extra="forbid")

    base: Optionally[CurrencyCode] = Field(None, description="only rates of this currency", examples=["EUR"])
    quote: Optionally[CurrencyCode] = Field(None, description="only rates in this currency")
    date_from: Optionally[IsoDate] = Field(None, description="first day")
    date_to: Optionally[IsoDate] = Field(None, description="last day")
    cursor: Optionally[Annotated[str, Field(pattern=CURSOR_PATTERN)]] = Field(
        None, description="where the page starts, from `next` of the page before"
    )
    limit: int = Field(50, ge=1, le=200, description="rates on a page")


class FxPage(BaseModel):
    """Rates, newest day first."""

    data: list[FxRateOut] = Field(description="newest day first, then by base and quote")
    has_more: bool = Field(description="true where another page follows")
    next: str | None = Field(description="path of the next page, with the same filters; null on the last page")
