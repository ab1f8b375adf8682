"""What a customer looks like on the wire."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from ml.checks.identity import DocumentCheck, DocumentType
from serving.kit.crud.listing import ListQuery
from serving.kit.patch import MergePatch
from serving.kit.types import IsoDate, Optionally, Text

EMAIL_PATTERN = r"^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,188}$"

Email = Annotated[str, Field(pattern=EMAIL_PATTERN, examples=["ana.ruiz@bank.example"])]
Phone = Annotated[str, Field(pattern=r"^\+[0-9]{6,15}$", examples=["+34600000000"])]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$", examples=["ES"])]
PostalCode = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9 -]{0,15}$", examples=["28013"])]
DocumentNumber = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9 <-]{3,63}$", examples=["12345678Z"])]

EMAIL = Field(description="address, unique among your customers; stored in lower case")
NAME = Field(description="full name", examples=["Ana Ruiz"])
BIRTH = Field(None, description="day of birth", examples=["1980-05-17"])
PHONE = Field(None, description="with the country's prefix")
COUNTRY = Field(None, description="ISO 3166 code of the residence")
ADDRESS = Field(None, description="street and number", examples=["Calle Mayor 1"])
CITY = Field(None, description="town", examples=["Madrid"])
POSTAL = Field(None, description="postal code")


class DocumentIn(BaseModel):
    """A document to check, always whole: its number is judged and forgotten, so no part can be changed alone."""

    model_config = ConfigDict(extra="forbid")

    type: DocumentType = Field(description="kind of document", examples=["national_id"])
    country: Country = Field(description="who issued it")
    number: DocumentNumber = Field(
        description="number with its check digit, or a passport's second machine-readable line; never stored"
    )


class DocumentOut(BaseModel):
    """What is kept of a document."""

    type: DocumentType = Field(description="kind of document")
    country: str = Field(description="who issued it")
    last4: str = Field(description="last characters of the number, at most four and at most half of it")
    check: DocumentCheck = Field(description="what the number's own rules said")


class IdentityReason(BaseModel):
    """A rule of a check and what it gave."""

    rule: str = Field(description="name of the rule")
    points: int = Field(description="points of 100")
    detail: str = Field(description="what it saw")


class CustomerIn(BaseModel):
    """A new customer."""

    model_config = ConfigDict(extra="forbid")

    email: Email = EMAIL
    name: Text = NAME
    birth_date: IsoDate | None = BIRTH
    phone: Phone | None = PHONE
    country: Country | None = COUNTRY
    address_line: Text | None = ADDRESS
    city: Text | None = CITY
    postal_code: PostalCode | None = POSTAL
    document: DocumentIn | None = Field(None, description="passport, identity card, licence or permit")


class CustomerPatch(MergePatch):
    """A change of a customer; `document` is given whole, or null to forget it."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset(
        {"birth_date", "phone", "country", "address_line", "city", "postal_code", "document"}
    )

    email: Optionally[Email] = Field(None, description="address, unique among your customers")
    name: Optionally[Text] = Field(None, description="full name")
    birth_date: IsoDate | None = BIRTH
    phone: Phone | None = PHONE
    country: Country | None = COUNTRY
    address_line: Text | None = ADDRESS
    city: Text | None = CITY
    postal_code: PostalCode | None = POSTAL
    document: DocumentIn | None = Field(None, description="a document to check instead of the one before")


class CustomerOut(BaseModel):
    """A customer with the score of the identity check."""

    id: UUID = Field(description="UUIDv7")
    owner_id: UUID = Field(description="user that owns it")
    email: str = EMAIL
    name: str = NAME
    birth_date: IsoDate | None = BIRTH
    phone: str | None = PHONE
    country: str | None = COUNTRY
    address_line: str | None = ADDRESS
    city: str | None = CITY
    postal_code: str | None = POSTAL
    document: DocumentOut | None = Field(description="what is kept of the document; null where none was given")
    ai_identity_score: float = Field(ge=0, le=1, description="0 (nothing fits) to 1; where to look, not a proof")
    ai_identity_reasons: list[IdentityReason] = Field(
        description="each rule of the check, and NAME@VERSION of the trained model where one gave the score"
    )
    version: int = Field(description="goes up by one with each change; the ETag")
    created_at: datetime = Field(description="when it was added")
    updated_at: datetime = Field(description="when it last changed")


class CustomerQuery(ListQuery):
    """The query of the list."""

    email: Optionally[Email] = Field(None, description="only this address, in any case")
    name: Optionally[Text] = Field(None, description="only names that contain this text, in any case")
    country: Optionally[Country] = Field(None, description="only residents of this country")
    sort: Literal["id", "-id", "name", "-name", "email", "-email", "updated_at", "-updated_at"] = Field(
        "id", description="order; `-` for descending"
    )
