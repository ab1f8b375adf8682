"""The day's published proposals into PostgreSQL, in one transaction; running it twice changes nothing."""

from collections import defaultdict
from dataclasses import replace
from datetime import date
from typing import Final, LiteralString

from lakehouse.contracts.model import Table
from lakehouse.contracts.tables.rebalancing import PROPOSALS, TRADES
from lakehouse.stores import delta
from spark_jobs.deliver_proposals.writing import Due, Rows, Writing
from spark_jobs.kit import life
from spark_jobs.kit.errors import DataError
from spark_jobs.kit.manifest import Manifest, OutputRecord, State
from spark_jobs.kit.run import Steps

MINE: Final[LiteralString] = """
    SELECT r.portfolio_id::text, r.anchor_on, r.frequency, r.next_on FROM app.rebalance_policy AS r
    WHERE r.portfolio_id = ANY (%s::uuid[]) ORDER BY r.portfolio_id FOR UPDATE
"""
# What an allocation proposed that day is no copy of what was published, and what became orders stays.
DROP_OTHERS: Final[LiteralString] = """
    DELETE FROM app.proposal AS p
    WHERE p.business_date = %s AND p.portfolio_id <> ALL (%s::uuid[]) AND p.confirmed_at IS NULL
      AND NOT EXISTS (SELECT FROM app.allocation AS a WHERE a.proposal_id = p.id)
"""


class NothingPublishedError(DataError):
    """rebalance_daily has published nothing for the date."""

    def __init__(self, day: date) -> None:
        super().__init__(f"there are no proposals of {day} to deliver: run rebalance_daily first")


def deliver_proposals(session: life.Session, steps: Steps) -> Manifest:
    """Copy the date's published proposals, put older ones of the same portfolios aside, and move the policies' next
    dates on. Portfolios that lost their policy meanwhile are left out. Raises NothingPublishedError."""
    day = session.manifest.business_date
    with steps.timed("read"):
        proposals, trades, inputs = _published(session, day)
    with steps.timed("write"), session.connection.transaction():
        written = _write(session, day, proposals, trades)
    return replace(
        session.manifest,
        state=State.PUBLISHED,
        inputs=inputs,
        outputs={"app.proposal": OutputRecord(written, "")},
        counts={"app.proposal": len(proposals), "written": written},
        timings_s=steps.seconds,
    )


def _published(session: life.Session, day: date) -> tuple[Rows, Rows, dict[str, int]]:
    found, inputs = [], {}
    for table in (PROPOSALS, TRADES):
        status = session.log.status(table).get(day.isoformat())
        if status is None:
            raise NothingPublishedError(day)
        inputs[table.name] = status.version
        found.append(_rows(session, table, status.version, day))
    return found[0], found[1], inputs


def _rows(session: life.Session, table: Table, version: int, day: date) -> Rows:
    opened = delta.open_table(session.settings.s3, table, version=version)
    rows: Rows = opened.to_pyarrow_table(filters=[("business_date", "=", day)]).to_pylist()
    return sorted(rows, key=lambda row: (row["portfolio_id"], row.get("line", 0)))


def _write(session: life.Session, day: date, proposals: Rows, trades: Rows) -> int:
    """Write what is new; returns how many proposals that were."""
    connection, ids = session.connection, [row["portfolio_id"] for row in proposals]
    due = {row[0]: Due(*row[1:]) for row in connection.execute(MINE, (ids,)).fetchall()}
    connection.execute(DROP_OTHERS, (day, ids))
    traded: defaultdict[str, Rows] = defaultdict(list)
    for trade in trades:
        traded[trade["portfolio_id"]].append(trade)
    writing = Writing(connection, session.clock, day, session.settings.market.calendar)
    written = 0
    for row in proposals:
        portfolio = row["portfolio_id"]
        if portfolio in due and writing.put(row, traded[portfolio]) is not None:
            writing.move_on(portfolio, due[portfolio])
            written += 1
    return written
