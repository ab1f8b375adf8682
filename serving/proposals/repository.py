"""All SQL about policies and proposals."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from lakehouse.stores import postgres
from lakehouse.stores.postgres import Transaction
from serving.kit.access import Principal
from serving.kit.database import Database, find_in

POLICY: Final[LiteralString] = """
    SELECT r.portfolio_id, r.is_enabled, r.is_automatic, r.frequency, r.anchor_on, r.next_on, r.proposed_on,
           r.document, r.version, r.updated_at
    FROM app.rebalance_policy AS r WHERE r.portfolio_id = %(id)s
"""
LOCKED: Final[LiteralString] = POLICY + " FOR UPDATE"
OWN: Final[LiteralString] = """
    SELECT p.id FROM app.portfolio AS p WHERE p.id = %(id)s AND p.owner_id = %(owner)s FOR NO KEY UPDATE
"""
KNOWN: Final[LiteralString] = "SELECT i.symbol FROM app.instrument AS i WHERE i.symbol = ANY (%(symbols)s)"
SAVE: Final[LiteralString] = """
    INSERT INTO app.rebalance_policy AS r (
        portfolio_id, is_enabled, is_automatic, frequency, anchor_on, next_on, document, created_at, updated_at
    ) VALUES (
        %(id)s, %(is_enabled)s, %(is_automatic)s, %(frequency)s, %(anchor_on)s, %(next_on)s, %(document)s, %(now)s,
        %(now)s
    )
    ON CONFLICT (portfolio_id) DO UPDATE SET
        is_enabled = excluded.is_enabled, is_automatic = excluded.is_automatic, frequency = excluded.frequency,
        anchor_on = excluded.anchor_on,
        next_on = excluded.next_on, document = excluded.document, version = r.version + 1,
        updated_at = excluded.updated_at
    RETURNING r.portfolio_id, r.is_enabled, r.is_automatic, r.frequency, r.anchor_on, r.next_on, r.proposed_on,
              r.document, r.version, r.updated_at
"""
PROPOSALS: Final[LiteralString] = """
    SELECT t.* FROM app.proposal AS t
    JOIN app.portfolio AS p ON p.id = t.portfolio_id
    WHERE (%(reads_all)s OR p.owner_id = %(reader)s)
"""
ONE: Final[LiteralString] = PROPOSALS + " AND t.id = %(id)s"
PAGE: Final[LiteralString] = (
    PROPOSALS
    + """
      AND (%(after)s::uuid IS NULL OR t.id > %(after)s)
      AND (%(portfolio_id)s::uuid IS NULL OR t.portfolio_id = %(portfolio_id)s)
      AND (%(state)s::text IS NULL OR t.state = %(state)s)
      AND (%(status)s::text IS NULL OR t.status = %(status)s)
      AND (%(date_from)s::date IS NULL OR t.business_date >= %(date_from)s)
      AND (%(date_to)s::date IS NULL OR t.business_date <= %(date_to)s)
    ORDER BY t.id LIMIT %(limit)s
"""
)
TRADES: Final[LiteralString] = """
    SELECT t.symbol, t.side, t.quantity, t.reference_price, t.notional_base, t.cost_base, t.short_gain_base,
           t.long_gain_base, t.lots, t.note, t.order_id
    FROM app.proposal_trade AS t WHERE t.proposal_id = %(id)s ORDER BY t.line
"""


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A policy as it is stored."""

    portfolio_id: UUID
    is_enabled: bool
    is_automatic: bool
    frequency: str
    anchor_on: date
    next_on: date
    proposed_on: date | None
    document: dict[str, Any]
    version: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """A proposal as it is stored."""

    id: UUID
    portfolio_id: UUID
    business_date: date
    base_currency: str
    state: str
    status: str
    reasons: list[str]
    regime: str
    regime_source: str
    objective: str
    value_base: Decimal
    cash_before_base: Decimal
    cash_after_base: Decimal
    drift_before: float
    drift_after: float
    turnover: float
    cost_base: Decimal
    tax_base: Decimal
    volatility_before: float
    volatility_after: float
    var_99_before: float
    var_99_after: float
    es_975_before: float
    es_975_after: float
    trade_count: int
    lots_method: str
    solver: str
    conventions: str
    weights: list[dict[str, Any]]
    versions: dict[str, str]
    run_id: str
    created_at: datetime
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class TradeRow:
    """A trade as it is stored."""

    symbol: str
    side: str
    quantity: Decimal
    reference_price: Decimal
    notional_base: Decimal
    cost_base: Decimal
    short_gain_base: Decimal
    long_gain_base: Decimal
    lots: list[dict[str, str]]
    note: str
    order_id: UUID | None


@dataclass(frozen=True, slots=True)
class _Id:
    id: UUID


@dataclass(frozen=True, slots=True)
class _Symbol:
    symbol: str


class ProposalRepository:
    """Policies and proposals. Every method raises PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def policy(self, portfolio_id: UUID) -> PolicyRow | None:
        """The portfolio's policy; whether the caller may read it was asked before."""
        return await self.database.find(POLICY, {"id": portfolio_id}, PolicyRow)

    async def locked(self, connection: Transaction, portfolio_id: UUID) -> PolicyRow | None:
        """The same, which stays as it is until the transaction ends."""
        return await find_in(connection, LOCKED, {"id": portfolio_id}, PolicyRow)

    async def is_own(self, connection: Transaction, portfolio_id: UUID, owner: UUID) -> bool:
        """Whether the portfolio is the owner's; it is so until the transaction ends, and nobody else writes its
        policy meanwhile."""
        return await find_in(connection, OWN, {"id": portfolio_id, "owner": owner}, _Id) is not None

    async def unknown(self, connection: Transaction, symbols: frozenset[str]) -> list[str]:
        """Those of `symbols` that name no instrument, sorted."""
        found = await postgres.rows_of(connection, KNOWN, {"symbols": sorted(symbols)}, _Symbol)
        return sorted(symbols - {row.symbol for row in found})

    async def save(self, connection: Transaction, values: dict[str, object], document: dict[str, Any]) -> PolicyRow:
        """Write the policy, new or in place of the one there was."""
        [row] = await postgres.rows_of(connection, SAVE, {**values, "document": Jsonb(document)}, PolicyRow)
        return row

    async def find(self, principal: Principal, proposal_id: UUID) -> ProposalRow | None:
        """The readable proposal, or None."""
        return await self.database.find(ONE, {**principal.reader, "id": proposal_id}, ProposalRow)

    async def trades(self, proposal_id: UUID) -> list[TradeRow]:
        """The trades of a proposal, in order."""
        return await self.database.fetch(TRADES, {"id": proposal_id}, TradeRow)

    async def page(
        self, principal: Principal, filters: dict[str, object], *, after: UUID | None, limit: int
    ) -> list[ProposalRow]:
        """Up to `limit` readable proposals by id."""
        return await self.database.fetch(
            PAGE, {**principal.reader, **filters, "after": after, "limit": limit}, ProposalRow
        )
