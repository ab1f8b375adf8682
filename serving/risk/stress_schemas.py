"""What shocks would do to a portfolio, and why its day went as it did, on the wire."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, Field

from serving.kit.types import MoneyOut


class StressKind(StrEnum):
    """How a scenario is made."""

    HISTORICAL = "historical"
    HYPOTHETICAL = "hypothetical"
    REVERSE = "reverse"


class StressScenario(BaseModel):
    """One scenario's effect on the holdings, left unchanged. An unmeasured one has a reason, and no loss of zero."""

    kind: StressKind
    scenario: str = Field(description="its name, as covid_2020 or all_down_20")
    title: str
    profit_and_loss: MoneyOut | None = Field(description="at its end, negative for a loss; null where unmeasured")
    worst: MoneyOut | None = Field(description="at the lowest close on the way, at most 0; of history only")
    worst_date: date | None = Field(description="day of that close")
    first_date: date | None = Field(description="close that the moves begin at; of history only")
    last_date: date | None = Field(description="close that they end at; of history only")
    distance: float | None = Field(
        description="standard deviations of a day from no move to the nearest moves that lose it; of reverse only"
    )
    detail: str = Field(description="the three holdings that lose most, with their part")
    reason: str | None = Field(description="why it is unmeasured; null where it is measured")
    source: str | None = Field(
        description="where its dates or sizes come from; null of one that this release does not know, and of reverse"
    )


class PortfolioStress(BaseModel):
    """What every scenario would do to a portfolio."""

    portfolio_id: UUID
    business_date: date = Field(description="date that the numbers are of: the newest one up to as_of")
    value: MoneyOut | None = Field(description="quantity times close, summed; null where a holding has no close")
    scenarios: list[StressScenario] = Field(min_length=1, description="by kind, the greatest loss first")
    run_id: str = Field(description="run manifest that recomputes these numbers")


class ItemKind(StrEnum):
    """What gained or lost."""

    INSTRUMENT = "instrument"
    CASH = "cash"


class Basis(StrEnum):
    """Where the units of the close before are from."""

    COPY = "copy"
    UNDONE = "undone"


class Gain(BaseModel):
    """A gain since the close before: `total` is the sum of the seven parts after it, to the cent."""

    value_before: MoneyOut
    value_after: MoneyOut
    total: MoneyOut = Field(description="negative for a loss")
    price: MoneyOut = Field(description="units held at the close before, times the change of the price")
    fx: MoneyOut = Field(description="the same units and cash, times the change of the exchange rate")
    new_trades: MoneyOut = Field(description="units traded since, from their price to the close")
    income: MoneyOut = Field(description="dividends and interest")
    fees: MoneyOut = Field(description="fees and taxes, negative")
    rounding: MoneyOut = Field(description="what rounding each worth and cost to minor units adds")
    unexplained: MoneyOut = Field(description="units that came or went without a transaction, at the close")


class ExplainedItem(Gain):
    """The gain of one instrument, or of the cash of one currency."""

    kind: ItemKind
    item: str = Field(description="symbol or currency")


class PortfolioExplained(BaseModel):
    """Why a portfolio gained or lost since the close before. The items add up to `whole`."""

    portfolio_id: UUID
    business_date: date = Field(description="date that the numbers are of: the newest one up to as_of")
    previous_date: date | None = Field(description="the close before; null where none is known")
    whole: Gain | None = Field(description="the portfolio's day; null where it could not be measured")
    items: list[ExplainedItem] = Field(description="the greatest loss first; empty where unmeasured")
    basis: Basis | None = Field(
        description="where the units of the close before are from: that day's copy, or today's less the trades since"
    )
    reason: str | None = Field(description="why the day is unmeasured; null where it is measured")
    run_id: str = Field(description="run manifest that recomputes these numbers")
