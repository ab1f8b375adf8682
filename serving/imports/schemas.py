"""What imports and saved mappings look like on the wire."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from serving.imports.layout import Layout
from serving.imports.presets import Preset
from serving.kit.crud.listing import ListQuery
from serving.kit.patch import MergePatch
from serving.kit.types import Optionally, Text


class RowStatus(StrEnum):
    """What became of a row."""

    BOOKED = "booked"
    DUPLICATE = "duplicate"
    ERROR = "error"
    DRAFT_INSTRUMENT = "draft_instrument"


class ImportParameters(BaseModel):
    """How a file is to be read and booked."""

    model_config = ConfigDict(extra="forbid")

    portfolio_id: UUID = Field(description="portfolio that it is booked in")
    preset: Preset = Field(Preset.TIDEMARK, description="layout that comes with Tidemark")
    mapping_id: Optionally[UUID] = Field(None, description="saved layout, in place of the preset")
    dry_run: bool = Field(False, description="true: the same report, and nothing is written")
    on_error: Literal["refuse", "skip"] = Field(
        "refuse", description="refuse: one wrong row and nothing is booked; skip: wrong rows are left out"
    )
    opening_balance: bool = Field(
        False, description="true: book a deposit before the first day on which cash would fall below zero"
    )


@dataclass(frozen=True, slots=True)
class Said:
    """RowOut before it is on the wire: of a large file only a thousand rows get there."""

    row: int
    status: RowStatus
    code: str
    detail: str
    source: str


class RowOut(BaseModel):
    """What became of one row of the file."""

    row: int = Field(description="line of the file; the header has one too")
    status: RowStatus = Field(description="draft_instrument: booked, with a symbol that nobody knew")
    code: str = Field(description="stable name of what happened", examples=["booked"])
    detail: str = Field(description="the same in words")
    source: str = Field(description="the row as it stood in the file, cut to 500 characters")


class ImportSummary(BaseModel):
    """An import, without its rows."""

    id: UUID | None = Field(description="null of a dry run, which leaves nothing behind")
    portfolio_id: UUID
    preset: str = Field(description="layout that read it; `mapping` for a saved one")
    file_sha256: str = Field(description="SHA-256 of the file's bytes, in hexadecimal")
    row_count: int = Field(ge=0, description="rows below the header")
    booked: int = Field(ge=0, description="rows that became transactions")
    duplicates: int = Field(ge=0, description="rows that were booked before")
    errors: int = Field(ge=0, description="rows that are wrong")
    drafts: list[str] = Field(description="symbols that nobody knew: now draft instruments, without prices")
    created_at: datetime


class ImportReport(ImportSummary):
    """An import with its rows: those that are not simply booked come first where there are more than a thousand."""

    dry_run: bool
    opening_balances: list[str] = Field(description="deposits that were booked to balance what the file leaves out")
    warnings: list[str] = Field(description="what is odd, but booked")
    rows: list[RowOut] = Field(description="up to 1,000; GET /api/v1/imports/{id}/rows has them all")
    has_more_rows: bool


class ImportQuery(ListQuery):
    """The query of the list of imports."""

    portfolio_id: Optionally[UUID] = Field(None, description="only imports of this portfolio")


class ImportPage(BaseModel):
    """A page of imports, by id."""

    data: list[ImportSummary]
    has_more: bool
    next: str | None = Field(description="path of the next page; null on the last")


class RowQuery(BaseModel):
    """The query of the list of an import's rows."""

    model_config = ConfigDict(extra="forbid")

    status: Optionally[RowStatus] = Field(None, description="only rows of this status")
    after_row: int = Field(0, ge=0, le=2**31 - 1, description="line after which the page starts")
    limit: int = Field(500, ge=1, le=1000, description="rows on a page")


class RowPage(BaseModel):
    """A page of rows, by line."""

    data: list[RowOut]
    has_more: bool
    next: str | None = Field(description="path of the next page; null on the last")


class MappingIn(BaseModel):
    """A layout to save."""

    model_config = ConfigDict(extra="forbid")

    name: Text = Field(description="unique among yours", examples=["My broker"])
    layout: Layout


class MappingPatch(MergePatch):
    """A change of a saved layout; the layout is replaced as a whole."""

    name: Optionally[Text] = Field(None, description="unique among yours")
    layout: Optionally[Layout] = Field(None, description="the whole layout")


class MappingOut(BaseModel):
    """A saved layout."""

    id: UUID = Field(description="UUIDv7; mapping_id of POST /api/v1/imports")
    name: str
    layout: Layout
    version: int = Field(description="goes up by one with each change; the ETag")
    created_at: datetime
    updated_at: datetime


class MappingQuery(ListQuery):
    """The query of the list of mappings."""


class PresetOut(BaseModel):
    """A layout that comes with Tidemark."""

    name: Preset
    layout: Layout
