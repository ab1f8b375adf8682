"""Proposals into PostgreSQL: one a portfolio and business date, the newest of each portfolio open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lakehouse.clock import Clock
from lakehouse.construction.policy import Frequency
from lakehouse.construction.schedule import next_due
from lakehouse.contracts.tables.rebalancing import OUTCOME, TRADE
from lakehouse.domain.ids import uuid7

COPIED = tuple(column.name for column in OUTCOME)
TRADED = tuple(column.name for column in TRADE)
Rows = list[dict[str, Any]]
"""Rows of gold.rebalance_proposals_v1 or gold.rebalance_trades_v1."""

OLDER: Final[LiteralString] = """
    UPDATE app.proposal SET state = 'superseded' WHERE portfolio_id = %s AND business_date < %s AND state = 'open'
"""
CURRENT: Final[LiteralString] = """
    SELECT p.id, p.run_id, p.confirmed_at IS NOT NULL, EXISTS (
        SELECT FROM app.proposal AS n WHERE n.portfolio_id = %(portfolio)s AND n.business_date > %(day)s
    ), EXISTS (SELECT FROM app.allocation AS a WHERE a.portfolio_id = %(portfolio)s AND a.proposal_id = p.id)
    FROM (SELECT 1) AS one
    LEFT JOIN app.proposal AS p ON p.portfolio_id = %(portfolio)s AND p.business_date = %(day)s
"""
MOVE_ON: Final[LiteralString] = """
    UPDATE app.rebalance_policy
    SET proposed_on = greatest(proposed_on, %(day)s), next_on = %(next)s, version = version + 1, updated_at = %(now)s
    WHERE portfolio_id = %(portfolio)s
"""
DROP: Final[LiteralString] = "DELETE FROM app.proposal WHERE id = %s"
# The allocation that named the proposal lost its name with the row. Whoever asked again meanwhile goes on waiting.
NAME_AGAIN: Final[LiteralString] = """
    UPDATE app.allocation SET proposal_id = %s WHERE portfolio_id = %s AND status = 'ready' AND proposal_id IS NULL
"""


@dataclass(frozen=True, slots=True)
class Due:
    """When a policy is due: counted from `anchor_on`, next on `next_on`."""

    anchor_on: date
    frequency: str
    next_on: date


class Writing:
    """Writes proposals of one business date in the caller's transaction, which holds the portfolios' locks."""

    def __init__(self, connection: Connection[TupleRow], clock: Clock, day: date, exchange: str) -> None:
        self.connection, self.clock, self.day, self.exchange = connection, clock, day, exchange
        self.now: datetime = clock.now()

    def put(self, row: dict[str, Any], trades: Sequence[dict[str, Any]]) -> UUID | None:
        """Write a proposal in the place of the portfolio's one of that date; its id.

        None, and nothing written, where the same run has written it, or where the one that is there has become orders.
        """
        portfolio = row["portfolio_id"]
        current = self.connection.execute(CURRENT, {"portfolio": portfolio, "day": self.day}).fetchone()
        proposal_id, run_id, is_confirmed, is_overtaken, is_named = current or (None, None, False, False, False)
        if run_id == row["run_id"] or is_confirmed:
            return None
        self.connection.execute(OLDER, (portfolio, self.day))
        if proposal_id is not None:
            self.connection.execute(DROP, (proposal_id,))
        identity: UUID = proposal_id or uuid7(self.clock)
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
        if is_named:
            self.connection.execute(NAME_AGAIN, (identity, portfolio))
        return identity

    def move_on(self, portfolio: str, due: Due) -> None:
        """Say when the portfolio's policy is due next."""
        moved = next_due(due.anchor_on, self.day, Frequency(due.frequency), self.exchange)
        told = {"day": self.day, "next": max(due.next_on, moved), "portfolio": portfolio, "now": self.now}
        self.connection.execute(MOVE_ON, told)

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
