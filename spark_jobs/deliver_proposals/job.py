"""The day's published proposals into PostgreSQL, in one transaction; running it twice changes nothing."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final, LiteralString

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lakehouse.clock import Clock
from lakehouse.construction.policy import Frequency
from lakehouse.construction.schedule import next_due
from lakehouse.contracts.model import Table
from lakehouse.contracts.tables.rebalancing import OUTCOME, PROPOSALS, TRADE, TRADES
from lakehouse.domain.ids import uuid7
from lakehouse.stores import delta
from spark_jobs.kit import life
from spark_jobs.kit.errors import DataError
from spark_jobs.kit.manifest import Manifest, OutputRecord, State
from spark_jobs.kit.run import Steps

COPIED = tuple(column.name for column in OUTCOME)
TRADED = tuple(column.name for column in TRADE)

MINE: Final[LiteralString] = """
    SELECT r.portfolio_id::text, r.anchor_on, r.frequency, r.next_on FROM app.rebalance_policy AS r
    WHERE r.portfolio_id = ANY (%s::uuid[]) ORDER BY r.portfolio_id FOR UPDATE
"""
DROP_OTHERS: Final[LiteralString] = """
    DELETE FROM app.proposal WHERE business_date = %s AND portfolio_id <> ALL (%s::uuid[])
"""
OLDER: Final[LiteralString] = """
    UPDATE app.proposal SET state = 'superseded' WHERE portfolio_id = %s AND business_date < %s AND state = 'open'
"""
CURRENT: Final[LiteralString] = """
    SELECT p.id, p.run_id, EXISTS (
        SELECT FROM app.proposal AS n WHERE n.portfolio_id = %(portfolio)s AND n.business_date > %(day)s
    )
    FROM (SELECT 1) AS one
    LEFT JOIN app.proposal AS p ON p.portfolio_id = %(portfolio)s AND p.business_date = %(day)s
"""
MOVE_ON: Final[LiteralString] = """
    UPDATE app.rebalance_policy
    SET proposed_on = greatest(proposed_on, %(day)s), next_on = %(next)s, version = version + 1, updated_at = %(now)s
    WHERE portfolio_id = %(portfolio)s
"""
DROP: Final[LiteralString] = "DELETE FROM app.proposal WHERE id = %s"


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
        writing = _Writing(session.connection, session.clock, day, session.settings.market.calendar)
        written = writing.all(proposals, trades)
    return replace(
        session.manifest,
        state=State.PUBLISHED,
        inputs=inputs,
        outputs={"app.proposal": OutputRecord(written, "")},
        counts={"app.proposal": len(proposals), "written": written},
        timings_s=steps.seconds,
    )


Rows = list[dict[str, Any]]


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


class _Writing:
    def __init__(self, connection: Connection[TupleRow], clock: Clock, day: date, exchange: str) -> None:
        self.connection, self.clock, self.day, self.exchange = connection, clock, day, exchange
        self.now: datetime = clock.now()

    def all(self, proposals: Rows, trades: Rows) -> int:
        """Write what is new; returns how many proposals that were."""
        ids = [row["portfolio_id"] for row in proposals]
        policies = {row[0]: row[1:] for row in self.connection.execute(MINE, (ids,)).fetchall()}
        self.connection.execute(DROP_OTHERS, (self.day, ids))
        traded: defaultdict[str, Rows] = defaultdict(list)
        for trade in trades:
            traded[trade["portfolio_id"]].append(trade)
        return sum(
            self._one(row, traded[row["portfolio_id"]], policies[row["portfolio_id"]])
            for row in proposals
            if row["portfolio_id"] in policies
        )

    def _one(self, row: dict[str, Any], trades: Sequence[dict[str, Any]], policy: tuple[Any, ...]) -> int:
        portfolio = row["portfolio_id"]
        current = self.connection.execute(CURRENT, {"portfolio": portfolio, "day": self.day}).fetchone()
        proposal_id, run_id, is_overtaken = current or (None, None, False)
        if run_id == row["run_id"]:
            return 0
        self.connection.execute(OLDER, (portfolio, self.day))
        if proposal_id is not None:
            self.connection.execute(DROP, (proposal_id,))
        identity = proposal_id or uuid7(self.clock)
        head = {
            "id": identity,
            "portfolio_id": portfolio,
            "business_date": self.day,
            "base_currency": row["base_currency"],
            "state": "superseded" if is_overtaken else "open",
            **{name: row[name] for name in COPIED},
            "run_id": row["run_id"],
            "created_at": self.now,
        }
        self._insert("proposal", head)
        self._insert(
            "proposal_trade", *({"proposal_id": identity, **{name: trade[name] for name in TRADED}} for trade in trades)
        )
        self._move_on(portfolio, policy)
        return 1

    def _insert(self, table: str, *rows: dict[str, Any]) -> None:
        if not rows:
            return
        statement = sql.SQL("INSERT INTO app.{} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, rows[0])),
            sql.SQL(", ").join(map(sql.Placeholder, rows[0])),
        )
        with self.connection.cursor() as cursor:
            cursor.executemany(statement, rows)

    def _move_on(self, portfolio: str, policy: tuple[Any, ...]) -> None:
        anchor, frequency, next_on = policy
        moved = next_due(anchor, self.day, Frequency(frequency), self.exchange)
        told = {"day": self.day, "next": max(next_on, moved), "portfolio": portfolio, "now": self.now}
        self.connection.execute(MOVE_ON, told)
