"""What valuations look like on the wire."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from serving.kit.crud.listing import ListQuery
from serving.kit.types import IsoDate, MoneyOut, Optionally
from serving.performance.schemas import ReasonOut


class ValuationQuery(ListQuery):
    """The query of the list."""

    portfolio_id: Optionally[UUID] = Field(None, description="only valuations of this portfolio")
    date_from: Optionally[IsoDate] = Field(None, description="first day")
    date_to: Optionally[IsoDate] = Field(None, description="last day")


class ComputeIn(BaseModel):
    """What to value."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    portfolio_id: UUID
    first: IsoDate = Field(alias="from", description="first day; days before the first transaction have no value")
    last: IsoDate = Field(alias="to", description="last day; today where it lies ahead")


class ValuationOut(BaseModel):
    """What a portfolio was worth at the close of a day."""

    id: UUID
    portfolio_id: UUID
    business_date: date = Field(description="day whose close it is, UTC")
    value: MoneyOut | None = Field(description="cash and positions; null where a price or rate is missing")
    cash: MoneyOut | None = Field(description="cash of every currency; null where a rate is missing")
    net_flow: MoneyOut | None = Field(description="what came from outside on that day; negative: what left")
    is_degraded: bool = Field(description="true where something is missing or old; reasons say what")
    reasons: list[ReasonOut]
    computed_at: datetime


class ValuationPage(BaseModel):
    """A page of valuations, by id."""

    data: list[ValuationOut]
    has_more: bool
    next: str | None = Field(description="path of the next page; null on the last")


class ComputeOut(BaseModel):
    """What was computed."""

    portfolio_id: UUID
    computed: int = Field(ge=0, description="days valued; GET /api/v1/valuations lists them")
    degraded: int = Field(ge=0, description="of these, days on which something is missing or old")
    newest: ValuationOut | None = Field(description="the last of them")
