"""What an instrument looks like on the wire."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from serving.kit.crud.listing import ListQuery
from serving.kit.patch import MergePatch
from serving.kit.types import CurrencyCode, Optionally, Price, Symbol, Text

MicCode = Annotated[str, Field(pattern="^[A-Z0-9]{4}$", examples=["XNAS"])]
Sector = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{0,100}$", examples=["Technology"])]


class InstrumentKind(StrEnum):
    """The kinds of instruments."""

    EQUITY = "equity"
    ETF = "etf"
    FUND = "fund"
    BOND = "bond"
    OPTION = "option"
    CRYPTO = "crypto"
    COMMODITY = "commodity"
    OTHER = "other"


class InstrumentStatus(StrEnum):
    """Whether an instrument may be traded: a draft was met by an import and waits for an admin."""

    DRAFT = "draft"
    ACTIVE = "active"
    DELISTED = "delisted"


class InstrumentIn(BaseModel):
    """A new instrument."""

    model_config = ConfigDict(extra="forbid")

    symbol: Symbol = Field(description="its unique ticker; it stays")
    name: Text = Field(description="full name", examples=["Apple Inc."])
    kind: InstrumentKind = Field(InstrumentKind.EQUITY, description="what it is")
    currency: CurrencyCode = Field(description="ISO 4217 code of its prices", examples=["USD"])
    exchange: MicCode = Field(description="MIC of its main venue")
    multiplier: Price = Field("1", validate_default=True, description="units of the underlying in one contract")
    sector: Sector = Field("", description="industry sector; empty where unknown")
    status: InstrumentStatus = Field(InstrumentStatus.ACTIVE, description="whether it may be traded")


class InstrumentPatch(MergePatch):
    """A change of an instrument. Currency and multiplier only change while nothing was traded in it."""

    name: Optionally[Text] = Field(None, description="full name")
    kind: Optionally[InstrumentKind] = Field(None, description="what it is")
    currency: Optionally[CurrencyCode] = Field(None, description="ISO 4217 code of its prices")
    exchange: Optionally[MicCode] = Field(None, description="MIC of its main venue")
    multiplier: Optionally[Price] = Field(None, description="units of the underlying in one contract")
    sector: Optionally[Sector] = Field(None, description="industry sector; empty where unknown")
    status: Optionally[InstrumentStatus] = Field(None, description="whether it may be traded")


class InstrumentOut(BaseModel):
    """What can be held or quoted."""

    id: UUID = Field(description="its name in addresses")
    symbol: Symbol = Field(description="its unique ticker")
    name: str = Field(description="full name", examples=["Apple Inc."])
    kind: InstrumentKind = Field(description="what it is")
    status: InstrumentStatus = Field(description="whether it may be traded")
    currency: CurrencyCode = Field(description="ISO 4217 code of its prices", examples=["USD"])
    exchange: MicCode = Field(description="MIC of its main venue")
    multiplier: Price = Field(description="units of the underlying in one contract")
    sector: str = Field(description="industry sector; empty where unknown")
    version: int = Field(description="goes up by one with each change; the ETag")
    created_at: datetime = Field(description="when it was added")
    updated_at: datetime = Field(description="when it last changed")


class InstrumentQuery(ListQuery):
    """The query of the list of instruments."""

    symbol: Optionally[Symbol] = Field(None, description="only the instrument of this symbol")
    search: Optionally[Text] = Field(None, description="only symbols and names that contain this text, in any case")
    kind: Optionally[InstrumentKind] = Field(None, description="only of this kind")
    status: Optionally[InstrumentStatus] = Field(None, description="only of this status")
    currency: Optionally[CurrencyCode] = Field(None, description="only with prices in this currency")
    exchange: Optionally[MicCode] = Field(None, description="only of this venue")
    sort: Literal["id", "-id", "symbol", "-symbol", "name", "-name", "updated_at", "-updated_at"] = Field(
        "id", description="order; `-` for descending"
    )
