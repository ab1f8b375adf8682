"""All SQL about proposals that become orders."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.stores.postgres import Transaction, rows_of
from serving.kit.access import Principal
from serving.kit.database import Database, find_in

# FOR UPDATE: a run that proposes anew waits for the confirmation, and then leaves what has become orders alone.
OWN: Final[LiteralString] = """
    SELECT t.id, t.portfolio_id, t.business_date, t.state, t.status, a.lot_method
    FROM app.proposal AS t
    JOIN app.portfolio AS p ON p.id = t.portfolio_id
    JOIN app.account AS a ON a.id = p.account_id
    WHERE t.id = %(id)s AND p.owner_id = %(reader)s
    FOR UPDATE OF t
"""
# Prices of the quotes now, in the currency of the proposal's prices.
TRADES: Final[LiteralString] = """
    SELECT t.line, t.symbol, t.side, t.quantity, t.reference_price, t.lots, t.order_id, o.status AS order_status,
           q.price * CASE WHEN q.currency = p.base_currency THEN 1 ELSE coalesce(
               (SELECT f.rate FROM market.fx_rate AS f WHERE f.base = q.currency AND f.quote = p.base_currency
                ORDER BY f.as_of DESC LIMIT 1),
               (SELECT 1 / f.rate FROM market.fx_rate AS f WHERE f.base = p.base_currency AND f.quote = q.currency
                ORDER BY f.as_of DESC LIMIT 1)
           ) END AS price
    FROM app.proposal_trade AS t
    JOIN app.proposal AS p ON p.id = t.proposal_id
    LEFT JOIN market.realtime_symbols AS q ON q.symbol = t.symbol
    LEFT JOIN trading.order AS o ON o.id = t.order_id
    WHERE t.proposal_id = %(id)s
    ORDER BY t.line
"""
BECAME: Final[LiteralString] = """
    UPDATE app.proposal_trade AS t SET order_id = n.order_id
    FROM unnest(%(lines)s::int[], %(orders)s::uuid[]) AS n (line, order_id)
    WHERE t.proposal_id = %(id)s AND t.line = n.line
"""
CONFIRMED: Final[LiteralString] = """
    UPDATE app.proposal SET confirmed_at = coalesce(confirmed_at, %(now)s) WHERE id = %(id)s
"""
AUTOMATIC: Final[LiteralString] = """
    SELECT t.id, p.owner_id
    FROM app.proposal AS t
    JOIN app.portfolio AS p ON p.id = t.portfolio_id
    JOIN auth.app_user AS u ON u.id = p.owner_id
    JOIN app.rebalance_policy AS r ON r.portfolio_id = p.id
    WHERE r.is_automatic AND r.is_enabled AND u.status = 'active' AND t.state = 'open' AND t.status = 'proposed'
      AND t.business_date >= %(since)s
      AND EXISTS (SELECT FROM app.proposal_trade AS l WHERE l.proposal_id = t.id AND l.order_id IS NULL)
    ORDER BY t.id
"""


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """A proposal, and how its account chooses lots."""

    id: UUID
    portfolio_id: UUID
    business_date: date
    state: str
    status: str
    lot_method: str


@dataclass(frozen=True, slots=True)
class TradeRow:
    """A trade, the order that it became, and what its instrument costs now."""

    line: int
    symbol: str
    side: str
    quantity: Decimal
    reference_price: Decimal
    lots: list[dict[str, str]]
    order_id: UUID | None
    order_status: str | None
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class AutomaticRow:
    """A proposal that shall become orders by itself, and whose it is."""

    id: UUID
    owner_id: UUID


class ConfirmationRepository:
    """Proposals on their way to orders. Every method raises PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def own(self, connection: Transaction, principal: Principal, proposal_id: UUID) -> ProposalRow | None:
        """The caller's proposal, locked until the transaction ends, or None."""
        return await find_in(connection, OWN, {**principal.reader, "id": proposal_id}, ProposalRow)

    async def trades(self, connection: Transaction, proposal_id: UUID) -> list[TradeRow]:
        """Its trades, in order."""
        return await rows_of(connection, TRADES, {"id": proposal_id}, TradeRow)

    async def became(
        self, connection: Transaction, proposal_id: UUID, orders: dict[int, UUID], *, now: datetime
    ) -> None:
        """Note which order each line has become."""
        names = {"id": proposal_id, "lines": list(orders), "orders": list(orders.values())}
        await connection.execute(BECAME, names)
        await connection.execute(CONFIRMED, {"id": proposal_id, "now": now})

    async def automatic(self, *, since: date) -> list[AutomaticRow]:
        """Open proposals of active users, under automatic policies, that have trades without an order."""
        return await self.database.fetch(AUTOMATIC, {"since": since}, AutomaticRow)
