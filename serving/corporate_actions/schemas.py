"""Corporate actions on the wire. Ratios, shares and amounts are decimal strings."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, Field

from lakehouse.quality.actions import ActionKind
from serving.kit.crud.listing import ListQuery
from serving.kit.paging import Page
from serving.kit.types import CurrencyCode, DecimalText, IsoDate, Optionally, Symbol


class ActionQuery(ListQuery):
    """The query of the list."""

    symbol: Optionally[Symbol] = Field(None, description="only of this instrument")
    kind: Optionally[ActionKind] = Field(None, description="only of this kind")
    date_from: Optionally[IsoDate] = Field(None, description="first ex-date")
    date_to: Optionally[IsoDate] = Field(None, description="last ex-date")
    include_reversed: bool = Field(False, description="those that were taken back too")


class ActionOut(BaseModel):
    """What a company did to its shares."""

    id: UUID
    symbol: str
    kind: ActionKind
    ex_date: date = Field(description="first day on which the instrument trades without it")
    ratio: DecimalText | None = Field(description="new units for one old; of a spin-off units of related_symbol")
    related_symbol: str | None = Field(description="instrument that a spin-off hands out")
    cost_share: DecimalText | None = Field(description="part of cost and value that goes along with a spin-off")
    amount: DecimalText | None = Field(description="dividend of one unit")
    currency: CurrencyCode | None = Field(description="of amount")
    adjusts_prices: bool = Field(description="false where the provider's closes were adjusted already")
    source: str = Field(description="where it was learnt")
    applied_at: datetime
    reversed_at: datetime | None = Field(description="null while it holds")


class ActionPage(Page[ActionOut]):
    """Actions, the one applied last first."""
