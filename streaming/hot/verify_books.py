"""The books beside the fills: what is filled is booked, once, positions are the fold of it, the ledger sums to zero."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.stores.books.recount import MOST_FINDINGS, Finding, recount
from lakehouse.stores.postgres import Transaction, rows_of

# Each reads what a fill says beside what is kept of it elsewhere.
CHECKS: Final[Mapping[str, LiteralString]] = {
    "fill_is_booked": """
        SELECT f.portfolio_id, f.id::text AS object,
               concat_ws(' ', f.side, f.quantity, f.symbol, f.price, f.fee_minor, f.filled_at) AS expected,
               concat_ws(' ', t.kind, t.quantity, t.symbol, t.price, t.fee_minor, t.occurred_at) AS found
        FROM trading.fill AS f LEFT JOIN app.transaction AS t ON t.id = f.transaction_id AND t.fill_id = f.id
        WHERE (f.portfolio_id, f.side, f.quantity, f.symbol, f.price, f.fee_minor, f.filled_at)
              IS DISTINCT FROM (t.portfolio_id, t.kind, t.quantity, t.symbol, t.price, t.fee_minor, t.occurred_at)
        LIMIT %(most)s
    """,
    "booked_is_filled": """
        SELECT t.portfolio_id, t.id::text AS object, 'a fill' AS expected, 'none' AS found
        FROM app.transaction AS t LEFT JOIN trading.fill AS f ON f.id = t.fill_id AND f.transaction_id = t.id
        WHERE t.source = 'fill' AND f.id IS NULL
        LIMIT %(most)s
    """,
    "order_is_filled": """
        SELECT o.portfolio_id, o.id::text AS object, coalesce(f.total, 0)::text AS expected,
               o.filled_quantity::text AS found
        FROM trading.order AS o
        LEFT JOIN (
            SELECT x.order_id, sum(x.quantity) AS total FROM trading.fill AS x GROUP BY x.order_id
        ) AS f ON f.order_id = o.id
        WHERE o.filled_quantity <> coalesce(f.total, 0)
        LIMIT %(most)s
    """,
}
LEDGER: Final[LiteralString] = """
    SELECT e.currency, sum(e.amount_minor)::bigint AS minor, count(*) AS entries
    FROM ledger.entry AS e GROUP BY e.currency ORDER BY e.currency
"""


@dataclass(frozen=True, slots=True)
class Summed:
    """All entries of a currency: their sum is to be 0."""

    currency: str
    minor: int
    entries: int


@dataclass(frozen=True, slots=True)
class Books:
    """How much was counted again, and what did not agree."""

    portfolios: int
    transactions: int
    ledger: tuple[Summed, ...]
    findings: tuple[Finding, ...]

    @property
    def is_exact(self) -> bool:
        return not self.findings and not any(each.minor for each in self.ledger)


@dataclass(frozen=True, slots=True)
class _Difference:
    portfolio_id: UUID
    object: str
    expected: str
    found: str


async def counted(connection: Transaction) -> Books:
    """Count all books again. `connection` is in a transaction whose snapshot does not move."""
    again = await recount(connection)
    findings = [
        Finding(check, each.portfolio_id, each.object, each.expected, each.found)
        for check, statement in CHECKS.items()
        for each in await rows_of(connection, statement, {"most": MOST_FINDINGS}, _Difference)
    ]
    ledger = await rows_of(connection, LEDGER, {}, Summed)
    return Books(again.portfolios, again.transactions, tuple(ledger), (*findings, *again.findings))
