"""All SQL about proposals that become orders."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.portfolio.fx import RateMissing, Rates
from lakehouse.stores.books.history import Fetch
from lakehouse.stores.books.newest import newest_rates
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
TRADES: Final[LiteralString] = """
    SELECT t.line, t.symbol, t.side, t.quantity, t.reference_price, t.lots, t.order_id, o.status AS order_status,
           q.price, q.currency, p.base_currency
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
PRICE: Final = Decimal("0.00000001")


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
    """A trade, the order that it became, and what its instrument costs now: in the `base_currency` of the proposal,
    as its `reference_price`, or None where no quote, or no fresh rate from the quote's `currency`, is known."""

    line: int
    symbol: str
    side: str
    quantity: Decimal
    reference_price: Decimal
    lots: list[dict[str, str]]
    order_id: UUID | None
    order_status: str | None
    price: Decimal | None
    currency: str | None
    base_currency: str


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

    async def trades(self, connection: Transaction, proposal_id: UUID, today: date) -> list[TradeRow]:
        """Its trades, in order."""
        found = await rows_of(connection, TRADES, {"id": proposal_id}, TradeRow)
        fetch: Fetch = partial(rows_of, connection)
        currencies = {each.base_currency for each in found} | {each.currency for each in found if each.currency}
        rates = await newest_rates(fetch, currencies, today)
        return [replace(each, price=_in_base(each, rates, today)) for each in found]

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


def _in_base(trade: TradeRow, rates: Rates, today: date) -> Decimal | None:
    """The price of a trade's quote in the currency of its proposal."""
    if trade.price is None or trade.currency is None:
        return None
    try:
        price = trade.price * rates.require(trade.currency, trade.base_currency, today)
    except RateMissing:
        return None
    return price.quantize(PRICE)
