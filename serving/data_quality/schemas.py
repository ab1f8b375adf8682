"""Findings on the wire."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, Field

from serving.kit.crud.listing import ListQuery
from serving.kit.paging import Page
from serving.kit.types import IsoDate, Optionally, Symbol, Text


class FindingGrade(StrEnum):
    """What a broken check does."""

    FAIL = "fail"
    WARN = "warn"


class FindingQuery(ListQuery):
    """The query of the list."""

    table: Optionally[Text] = Field(None, description="only findings in this table", examples=["silver.daily_bars_v1"])
    check: Optionally[Text] = Field(None, description="only of this check or kind of defect", examples=["bad_print"])
    symbol: Optionally[Symbol] = Field(None, description="only about this instrument")
    grade: Optionally[FindingGrade] = Field(None, description="only of this grade")
    run_id: Optionally[Text] = Field(None, description="only of this run")
    date_from: Optionally[IsoDate] = Field(None, description="first day that a finding is about")
    date_to: Optionally[IsoDate] = Field(None, description="last day that a finding is about")


class FindingOut(BaseModel):
    """A broken check of a table, or a defect of one bar."""

    id: UUID
    table: str
    check: str = Field(description="check that was broken, or kind of defect")
    kind: str = Field(description="type of check; `defect` of a bar, `rejected` of rows that silver refused")
    grade: FindingGrade = Field(description="fail: nothing was published; warn: published, and recorded")
    symbol: str | None = Field(description="instrument that it is about; null for the whole output")
    as_of: date = Field(description="day of the bar, or the run's business date")
    rows: int = Field(ge=1, description="rows, groups or partitions that broke it")
    detail: str = Field(description="the numbers, with an example")
    job: str
    run_id: str
    found_at: datetime


class FindingPage(Page[FindingOut]):
    """Findings, the newest first."""
