"""What holdings look like on the wire."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from serving.kit.types import DecimalText


class CostOut(BaseModel):
    """What the open lots that were paid in one currency cost."""

    currency: str = Field(description="currency that was paid", examples=["USD"])
    lot_count: int = Field(ge=1, description="open lots")
    quantity: DecimalText = Field(description="units in them", examples=["400"])
    cost: DecimalText = Field(description="cost, charges included; of a short position minus what it brought")
    average_cost: DecimalText = Field(description="cost of a unit, to eight decimals", examples=["180.43"])
    oldest_opened_at: datetime = Field(description="when the oldest of them was opened")


class HoldingOut(BaseModel):
    """A position, its lots by currency, and its value by the last price."""

    symbol: str = Field(examples=["AAPL"])
    name: str = Field(description="the instrument's full name", examples=["Apple Inc."])
    kind: str = Field(description="equity, etf, fund, bond, option, crypto, commodity or other")
    currency: str = Field(description="ISO 4217 code of its prices", examples=["USD"])
    quantity: DecimalText = Field(description="units held; negative is short", examples=["400"])
    reserved_quantity: DecimalText = Field(
        description="units that open orders will sell; negative: buy back", examples=["0"]
    )
    costs: list[CostOut] = Field(description="by the currency that was paid")
    price: DecimalText | None = Field(description="last price; null where there is none", examples=["182.1"])
    price_as_of: datetime | None = Field(description="when that was the price")
    price_provider: str | None = Field(description="who said so")
    stale: bool | None = Field(description="whether the price is older than market.quote_stale_after_s")
    market_value: DecimalText | None = Field(description="units at that price, in `currency`; negative is short")
    unrealised: DecimalText | None = Field(
        description="value less cost; null where there is no price or it was paid in another currency"
    )


class HoldingsOut(BaseModel):
    """Everything that a portfolio holds but money."""

    portfolio_id: UUID = Field(description="portfolio")
    base_currency: str = Field(description="currency of its reports; holdings are in their own", examples=["USD"])
    as_of: datetime = Field(description="when this was read")
    data: list[HoldingOut] = Field(description="by symbol")
    warnings: list[str] = Field(description="what is missing or old in it")


class FindingOut(BaseModel):
    """Something stored that is not what it should be."""

    check: str = Field(description="rule that was counted again", examples=["position_is_fold"])
    object: str = Field(description="what it is about: a symbol, lot, transaction, transfer or ledger account")
    expected: str = Field(description="what the transactions and entries say; money in minor units")
    found: str = Field(description="what is stored")


class ReconciliationOut(BaseModel):
    """The books of a portfolio, counted again from its transactions and entries."""

    portfolio_id: UUID = Field(description="portfolio")
    as_of: datetime = Field(description="when it was counted")
    transactions: int = Field(ge=0, description="transactions that were folded")
    is_clean: bool = Field(description="whether everything agreed")
    findings: list[FindingOut] = Field(description="what did not agree; empty where all is well")
