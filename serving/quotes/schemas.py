"""What quotes look like on the wire."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.kit.types import CurrencyCode, DecimalText, Symbol

MAX_SYMBOLS = 500
MAX_HISTORY_SYMBOLS = 50
_ONE = "[A-Z0-9][A-Z0-9.^=/_-]{0,31}"
SYMBOLS_PATTERN = f"^{_ONE}(,{_ONE}){{0,{MAX_SYMBOLS - 1}}}$"
FEW_SYMBOLS_PATTERN = f"^{_ONE}(,{_ONE}){{0,{MAX_HISTORY_SYMBOLS - 1}}}$"

Warnings = Annotated[list[str], Field(description="what the reader should know about the data; empty where nothing")]


class QuoteOut(BaseModel):
    """The latest price of an instrument. Prices are decimal strings in `currency` per unit."""

    symbol: Symbol = Field(description="instrument")
    price: DecimalText = Field(description="last price", examples=["125.67"])
    bid: DecimalText | None = Field(description="best bid, where the provider tells it")
    ask: DecimalText | None = Field(description="best ask, where the provider tells it")
    bid_size: DecimalText | None = Field(description="units at the bid")
    ask_size: DecimalText | None = Field(description="units at the ask")
    previous_close: DecimalText | None = Field(description="close of the day before")
    change: DecimalText | None = Field(description="price less previous_close")
    change_pct: DecimalText | None = Field(description="change in percent of previous_close")
    currency: CurrencyCode = Field(description="ISO 4217 code of the prices", examples=["USD"])
    provider: str = Field(description="who says so")
    as_of: datetime = Field(description="when the price was made")
    updated_at: datetime = Field(description="when it was recorded")
    seq: int = Field(ge=1, description="goes up by one with each change: the seq of the streams")
    stale: bool = Field(description="true where the price is older than market.quote_stale_after_s")


class MissingSymbol(BaseModel):
    """A symbol that was asked for and has no quote."""

    symbol: str = Field(description="as it was asked for")
    reason: Literal["unknown_symbol", "no_quote"] = Field(
        description="unknown_symbol: no instrument is called so; no_quote: nobody has quoted it yet"
    )


class QuotesOut(BaseModel):
    """Every symbol that was asked for is either in `data` or in `missing`."""

    data: list[QuoteOut] = Field(description="in the order of the question")
    missing: list[MissingSymbol] = Field(description="symbols without a quote, and why")
    warnings: Warnings


class PricePoint(BaseModel):
    """One observation."""

    as_of: datetime = Field(description="when the price was made")
    price: DecimalText
    bid: DecimalText | None
    ask: DecimalText | None
    size: DecimalText | None = Field(description="units traded at the price")
    currency: CurrencyCode
    provider: str


class PriceSeries(BaseModel):
    """Observations of an instrument, oldest first."""

    symbol: Symbol
    points: list[PricePoint]
    truncated: bool = Field(description="true where the window holds more: these are the newest")
    stale: bool = Field(description="true where the newest price known is older than market.quote_stale_after_s")


class QuoteHistoryOut(BaseModel):
    """Observations by symbol."""

    data: list[PriceSeries] = Field(description="in the order of the question")
    missing: list[MissingSymbol] = Field(description="symbols without a quote, and why")
    warnings: Warnings


class QuotesQuery(BaseModel):
    """The query of quotes."""

    model_config = ConfigDict(extra="forbid")

    symbols: str = Field(
        pattern=SYMBOLS_PATTERN, description=f"up to {MAX_SYMBOLS} symbols, by commas", examples=["AAPL,MSFT"]
    )


class HistoryQuery(BaseModel):
    """The query of the history."""

    model_config = ConfigDict(extra="forbid")

    symbols: str = Field(
        pattern=FEW_SYMBOLS_PATTERN, description=f"up to {MAX_HISTORY_SYMBOLS} symbols, by commas", examples=["AAPL"]
    )
    minutes: int = Field(5, ge=1, le=1440, description="length of the window, which ends now")
