"""What performance and snapshots look like on the wire."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from serving.kit.types import CurrencyCode, DecimalText, IsoDate, MoneyOut, Optionally

Ratio = Annotated[
    DecimalText | None, Field(description="0.05 is five per cent; null where it is not known", examples=["0.0823"])
]
Amount = MoneyOut | None


class PerformanceQuery(BaseModel):
    """The span and how much is told about it."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    first: Optionally[IsoDate] = Field(
        None, alias="from", description="first day of the span; the day of the first transaction where left out"
    )
    last: Optionally[IsoDate] = Field(None, alias="to", description="last day of the span; today where left out")
    explain: bool = Field(False, description="true: with the flows, the sub-periods and how everything is calculated")


class ReasonOut(BaseModel):
    """Why a number is null (`_missing`, `_unknown`) or old (`_stale`)."""

    code: str = Field(
        description="price_missing, rate_missing, price_stale, rate_stale, cost_unknown or no_transactions",
        examples=["price_missing"],
    )
    names: list[str] = Field(description="symbols or currencies at fault")
    detail: str = Field(description="the same in words")


class TimeWeightedOut(BaseModel):
    """Growth between external flows, linked: what the investments did, whenever money came or went."""

    total: Ratio = Field(description="over the span")
    annualised: Ratio = Field(description="a year; null for less than one")
    reason: str | None = Field(description="why it is null: value_unknown or nothing_invested")


class MoneyWeightedOut(BaseModel):
    """XIRR: what the money earned, so that it counts when it came and went."""

    rate: Ratio = Field(description="a year")
    period: Ratio = Field(description="the same over the days at hand")
    reason: str | None = Field(
        description="why it is null: no_flows, one_day, one_sign, no_root, many_roots or value_unknown"
    )
    candidates: list[DecimalText] = Field(
        description="every yearly rate that solves the equation; several: none is chosen"
    )


class SimpleOut(BaseModel):
    """Gain in money, and over what was put in."""

    gain: Amount = Field(description="value at the end - value at the start - inflows + outflows")
    invested: Amount = Field(description="value at the start + inflows")
    ratio: Ratio = Field(description="gain / invested")


class PartsOut(BaseModel):
    """What the gain consists of: the parts add up to it."""

    realised: Amount = Field(description="of lots closed in the span, charges of the trades included")
    unrealised: Amount = Field(description="change of the open lots' value less their cost")
    income: Amount = Field(description="dividends and interest before charges")
    charges: Amount = Field(description="fees and taxes that belong to no trade; negative")
    transferred: Amount = Field(
        description="of units transferred: their cost less their value where they came, value less cost where they left"
    )
    exchange: Amount = Field(description="effect of exchange rates: what remains")


class InCurrencyOut(BaseModel):
    """The span in one currency, in that currency."""

    currency: CurrencyCode
    cash: Amount = Field(description="at the end")
    positions: Amount = Field(description="value at the end of what is priced in it")
    unrealised: Amount = Field(description="at the end; null where a price or rate is missing")
    realised: Amount = Field(description="in the span")
    income: Amount = Field(description="in the span, before charges")
    fees: Amount = Field(description="in the span, of trades too; positive")
    taxes: Amount = Field(description="in the span, of trades too; positive")
    net_flow: Amount = Field(description="in the span: deposits and transfers in less withdrawals and transfers out")
    converted: Amount = Field(description="in the span: conversions into it less those out of it; no external flow")


class FlowOut(BaseModel):
    """Something that came from outside (positive) or left (negative)."""

    day: date
    source: str = Field(description="cash, or units (a transfer, at the close of the day)")
    name: str = Field(description="currency or symbol")
    amount: Amount = Field(description="in its currency")
    base_amount: Amount = Field(description="in the base currency at the rate of the day")


class SubPeriodOut(BaseModel):
    """Days between two external flows."""

    after: date = Field(description="close at which it starts")
    until: date = Field(description="close at which it ends")
    begin_value: Amount = Field(description="with the inflows of the next morning")
    end_value: Amount = Field(description="before the outflows of that day")
    growth: Ratio = Field(description="end_value / begin_value")
    reason: str | None = Field(description="why growth is null")


class Explanation(BaseModel):
    """How the numbers came about."""

    conventions: list[str] = Field(description="how everything is calculated")
    flows: list[FlowOut] = Field(description="external flows by day")
    sub_periods: list[SubPeriodOut] = Field(description="their growths multiplied, less 1, are the time-weighted total")


class PerformanceOut(BaseModel):
    """Three returns side by side, and what the gain consists of."""

    portfolio_id: UUID
    base_currency: CurrencyCode = Field(description="currency of everything that names no other")
    first: date = Field(serialization_alias="from", description="first day of the span")
    last: date = Field(serialization_alias="to", description="last day of the span")
    begin_value: Amount = Field(description="at the close before the first day")
    end_value: Amount = Field(description="at the close of the last day")
    time_weighted: TimeWeightedOut
    money_weighted: MoneyWeightedOut
    simple: SimpleOut
    parts: PartsOut
    currencies: list[InCurrencyOut] = Field(description="by currency")
    is_degraded: bool = Field(description="true where a number is null or rests on something old; reasons say which")
    reasons: list[ReasonOut]
    explanation: Explanation | None = Field(description="with explain=true")


class HeldOut(BaseModel):
    """A position with its lots, summed."""

    symbol: str
    name: str
    currency: CurrencyCode = Field(description="of its price")
    quantity: DecimalText = Field(description="units held; negative is short")
    price: DecimalText | None = Field(description="newest close or quote; null where there is none")
    price_date: date | None = Field(description="day of the price")
    is_stale: bool = Field(description="true where the price is more than a week old")
    value: Amount = Field(description="quantity * price * multiplier")
    cost: Amount = Field(description="of the open lots, in the price's currency; null without a rate")
    unrealised: Amount = Field(description="value less cost")
    open_lots: int = Field(ge=0)


class CashOut(BaseModel):
    """Cash of one currency."""

    balance: MoneyOut
    reserved: MoneyOut = Field(description="promised to open orders and payments")


class SnapshotOut(BaseModel):
    """Everything that a portfolio is at a moment."""

    portfolio_id: UUID
    name: str
    base_currency: CurrencyCode
    taken_at: datetime
    value: Amount = Field(description="cash and positions; null where a price or rate is missing")
    cash_value: Amount = Field(description="cash of every currency")
    cash: list[CashOut] = Field(description="by currency, from the ledger")
    positions: list[HeldOut] = Field(description="by symbol")
    open_lots: int = Field(ge=0)
    transactions: int = Field(ge=0, description="transactions that count")
    performance: PerformanceOut | None = Field(description="since the first transaction; null before one")
    is_degraded: bool
    reasons: list[ReasonOut]
