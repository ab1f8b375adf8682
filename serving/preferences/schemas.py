"""What preferences look like on the wire."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from serving.kit.crud.listing import ListQuery
from serving.kit.patch import MergePatch
from serving.kit.types import CurrencyCode, Flag, Optionally

PreferenceKey = Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,39}$", examples=["default"])]
Locale = Annotated[
    str, Field(pattern="^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$", examples=["en-GB", "de", "zh-Hant-TW"])
]
TimezoneName = Annotated[
    str, Field(pattern="^[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,32}){0,2}$", examples=["Europe/Berlin"])
]
CURRENCY_TEXT = "ISO 4217 code in which totals are shown"


class Theme(StrEnum):
    """Colours of the pages; `system` follows the device."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class PreferenceIn(BaseModel):
    """A set of preferences; what is left out is the usual."""

    model_config = ConfigDict(extra="forbid")

    key: PreferenceKey = Field("default", description="which set it is, unique among yours: default, or a device")
    theme: Theme = Field(Theme.SYSTEM, description="colours of the pages")
    base_currency: CurrencyCode = Field("USD", description=CURRENCY_TEXT, examples=["USD"])
    locale: Locale = Field("en", description="BCP 47 language tag, by which numbers and dates are written")
    timezone: TimezoneName = Field("UTC", description="IANA name of the zone in which times are shown")
    notify_fills: Flag = Field(True, description="tell about fills")
    notify_alerts: Flag = Field(True, description="tell about risk and price alerts")
    notify_reports: Flag = Field(False, description="tell about finished reports")


class PreferencePatch(MergePatch):
    """A change of preferences; the key stays."""

    theme: Optionally[Theme] = Field(None, description="colours of the pages")
    base_currency: Optionally[CurrencyCode] = Field(None, description=CURRENCY_TEXT)
    locale: Optionally[Locale] = Field(None, description="BCP 47 language tag")
    timezone: Optionally[TimezoneName] = Field(None, description="IANA name of a zone")
    notify_fills: Optionally[Flag] = Field(None, description="tell about fills")
    notify_alerts: Optionally[Flag] = Field(None, description="tell about risk and price alerts")
    notify_reports: Optionally[Flag] = Field(None, description="tell about finished reports")


class PreferenceOut(BaseModel):
    """How a user wants to see things."""

    id: UUID = Field(description="UUIDv7")
    owner_id: UUID = Field(description="user whose preferences they are")
    key: PreferenceKey = Field(description="which set it is")
    theme: Theme = Field(description="colours of the pages")
    base_currency: CurrencyCode = Field(description=CURRENCY_TEXT, examples=["USD"])
    locale: Locale = Field(description="BCP 47 language tag, by which numbers and dates are written")
    timezone: TimezoneName = Field(description="IANA name of the zone in which times are shown")
    notify_fills: bool = Field(description="tell about fills")
    notify_alerts: bool = Field(description="tell about risk and price alerts")
    notify_reports: bool = Field(description="tell about finished reports")
    version: int = Field(description="goes up by one with each change; the ETag")
    created_at: datetime = Field(description="when they were made")
    updated_at: datetime = Field(description="when they last changed")


class PreferenceQuery(ListQuery):
    """The query of the list of preferences."""

    key: Optionally[PreferenceKey] = Field(None, description="only the set of this key")
    sort: Literal["id", "-id", "key", "-key"] = Field("id", description="order; `-` for descending")
