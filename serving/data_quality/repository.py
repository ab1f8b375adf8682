"""All SQL about findings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from serving.kit.database import Database

PAGE: Final[LiteralString] = """
    SELECT q.id, q.table_name, q.check_name, q.kind, q.grade, q.subject, q.as_of, q.row_count, q.detail, q.job,
           q.run_id, q.found_at
    FROM ops.quality_finding AS q
    WHERE (%(after)s::uuid IS NULL OR q.id < %(after)s)
      AND (%(table)s::text IS NULL OR q.table_name = %(table)s)
      AND (%(check)s::text IS NULL OR q.check_name = %(check)s)
      AND (%(symbol)s::text IS NULL OR q.subject = %(symbol)s)
      AND (%(grade)s::text IS NULL OR q.grade = %(grade)s)
      AND (%(run_id)s::text IS NULL OR q.run_id = %(run_id)s)
      AND (%(date_from)s::date IS NULL OR q.as_of >= %(date_from)s)
      AND (%(date_to)s::date IS NULL OR q.as_of <= %(date_to)s)
    ORDER BY q.id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding as it is stored."""

    id: UUID
    table_name: str
    check_name: str
    kind: str
    grade: str
    subject: str
    as_of: date
    row_count: int
    detail: str
    job: str
    run_id: str
    found_at: datetime


class FindingRepository:
    """Reads of findings. Methods raise PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, filters: Mapping[str, object], *, after: UUID | None, limit: int) -> list[FindingRow]:
        """Findings after `after`, the newest first."""
        return await self._database.fetch(PAGE, {**filters, "after": after, "limit": limit}, FindingRow)
