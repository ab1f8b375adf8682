"""What checks found: one finding a broken check of an output, or a defect of one subject, kept in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from lakehouse.clock import ManualClock
from lakehouse.contracts.quality import Grade
from lakehouse.domain.ids import uuid7


@dataclass(frozen=True, slots=True)
class Result:
    """One check of an output: how many rows broke it; none is a pass."""

    check: str
    kind: str
    grade: Grade
    rows: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken check. `subject` and `as_of` name what it is about where that is one thing, as a symbol and a day;
    without, it is about the whole output as of the business date."""

    table: str
    check: str
    kind: str
    grade: Grade
    rows: int
    detail: str
    subject: str = ""
    as_of: date | None = None


INSERT = """
    INSERT INTO ops.quality_finding
        (id, run_id, table_name, check_name, subject, as_of, job, kind, grade, row_count, detail, found_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Found:
    """Which run found something, and when."""

    run_id: str
    job: str
    business_date: date
    at: datetime


def keep(connection: Connection[TupleRow], by: Found, findings: Sequence[Finding]) -> None:
    """Replace what is kept of the run by `findings`. Part of the caller's transaction; idempotent."""
    connection.execute("DELETE FROM ops.quality_finding WHERE run_id = %s", (by.run_id,))
    if not findings:
        return
    with connection.cursor() as cursor:
        cursor.executemany(INSERT, [_row(by, finding) for finding in findings])


def _row(by: Found, finding: Finding) -> tuple[object, ...]:
    as_of = finding.as_of or by.business_date
    # The id carries the instant that the run ended at, and no later one.
    told = (finding.kind, str(finding.grade), finding.rows, finding.detail[:2000], by.at)
    return (uuid7(ManualClock(by.at)), by.run_id, finding.table, finding.check, finding.subject, as_of, by.job, *told)


def known(connection: Connection[TupleRow], job: str) -> frozenset[tuple[object, ...]]:
    """What earlier runs of a job have found: table, check, subject, day, rows and detail."""
    rows = connection.execute(
        "SELECT table_name, check_name, subject, as_of, row_count, detail FROM ops.quality_finding WHERE job = %s",
        (job,),
    )
    return frozenset(rows.fetchall())
