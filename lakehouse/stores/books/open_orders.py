"""Open orders with what a venue has to know of them, whose stand still, and the lock of all accounts that a venue's
reports concern."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.clock import epoch_us
from lakehouse.stores.books.order_rows import Row, order_of
from lakehouse.stores.postgres import Transaction, rows_of
from lakehouse.trading.venue import OpenOrder

OPEN: Final[LiteralString] = """
    SELECT o.id FROM trading.order AS o
    WHERE o.status IN ('held', 'accepted', 'partially_filled')
      AND (%(portfolio_ids)s::uuid[] IS NULL OR o.portfolio_id = ANY(%(portfolio_ids)s))
      AND NOT EXISTS (SELECT FROM broker.route AS r WHERE r.portfolio_id = o.portfolio_id)
"""
# With the open orders of the same portfolio and symbol: a replaced entry has left its legs to its successor.
RELATIVES: Final[LiteralString] = """
    SELECT o.id FROM trading.order AS o
    WHERE o.id = ANY(%(ids)s) OR o.parent_id = ANY(%(ids)s)
       OR o.oco_group IN (SELECT x.oco_group FROM trading.order AS x WHERE x.id = ANY(%(ids)s))
    UNION
    SELECT o.id FROM trading.order AS o JOIN trading.order AS x
        ON x.portfolio_id = o.portfolio_id AND x.symbol = o.symbol
    WHERE x.id = ANY(%(ids)s) AND o.status IN ('held', 'accepted', 'partially_filled')
      AND NOT EXISTS (SELECT FROM broker.route AS r WHERE r.portfolio_id = o.portfolio_id)
"""
# A leg works from the fill of its entry on, which is when it last changed, or before that.
SEEN: Final[LiteralString] = """
    SELECT o.id, o.portfolio_id, o.account_id, o.client_order_id, o.symbol, o.side, o.type, o.time_in_force,
           o.expires_at, o.quantity, o.filled_quantity, o.average_fill_price, o.limit_price, o.stop_price,
           o.reference_price, o.order_class, o.leg, o.parent_id, o.oco_group, o.replaces, o.replaced_by, o.status,
           o.status_reason, o.source, o.currency, o.reserved_minor, o.reserved_quantity, o.lots, o.version,
           o.trail_amount, o.trail_percent,
           i.exchange, i.multiplier, CASE WHEN o.parent_id IS NULL THEN o.created_at ELSE o.updated_at END AS since,
           CASE WHEN o.filled_quantity = 0 THEN 0 ELSE (
               SELECT sum(f.quantity * f.price) * i.multiplier FROM trading.fill AS f WHERE f.order_id = o.id
           ) END AS amount
    FROM trading.order AS o JOIN app.instrument AS i ON i.symbol = o.symbol
    WHERE o.id = ANY(%(ids)s)
    ORDER BY o.id
"""
HALTED: Final[LiteralString] = """
    SELECT CASE WHEN t.scope = 'everybody' THEN t.scope ELSE p.id::text END AS whom,
           CASE WHEN bool_or(t.lifted_at IS NULL) THEN NULL ELSE max(t.lifted_at) END AS until
    FROM trading.halt AS t LEFT JOIN app.portfolio AS p ON p.id = t.portfolio_id OR p.owner_id = t.user_id
    WHERE (t.lifted_at IS NULL OR t.lifted_at >= %(since)s) AND (t.scope = 'everybody' OR p.id IS NOT NULL)
    GROUP BY 1 ORDER BY 1
"""
EXCHANGES: Final[LiteralString] = "SELECT DISTINCT i.exchange FROM app.instrument AS i ORDER BY 1"
LOCK: Final[LiteralString] = """
    SELECT a.id FROM app.account AS a
    WHERE a.id IN (SELECT p.account_id FROM app.portfolio AS p WHERE p.id = ANY(%(portfolio_ids)s))
    ORDER BY a.id
    FOR NO KEY UPDATE OF a
"""


@dataclass(frozen=True, slots=True)
class _Id:
    id: UUID


@dataclass(frozen=True, slots=True)
class _Halted:
    whom: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class _Exchange:
    exchange: str


@dataclass(frozen=True, slots=True)
class _Seen(Row):
    exchange: str
    multiplier: Decimal
    since: datetime
    amount: Decimal


async def open_orders(connection: Transaction, portfolio_ids: Collection[UUID] | None) -> list[OpenOrder]:
    """The open orders of these portfolios, or of all, by id; of those that trade at a broker none."""
    names = {"portfolio_ids": None if portfolio_ids is None else list(portfolio_ids)}
    seen = await _seen(connection, await rows_of(connection, OPEN, names, _Id))
    return [each for each in seen if each.order.is_open]


async def families_of(connection: Transaction, order_ids: Collection[UUID]) -> list[OpenOrder]:
    """These orders and their relatives as they stand, ended ones too, and the other open orders of the same portfolios
    and symbols, of portfolios that trade at a broker none; by id."""
    return await _seen(connection, await rows_of(connection, RELATIVES, {"ids": list(order_ids)}, _Id))


async def halted(connection: Transaction, since: datetime) -> dict[str, datetime | None]:
    """The portfolios for which trading is stopped, or was until a moment from `since` on, by id, or
    `lakehouse.trading.venue.EVERYBODY`: None while it is, else when that was lifted last."""
    return {row.whom: row.until for row in await rows_of(connection, HALTED, {"since": since}, _Halted)}


async def exchanges(connection: Transaction) -> list[str]:
    """Where instruments are traded: MICs."""
    return [row.exchange for row in await rows_of(connection, EXCHANGES, {}, _Exchange)]


async def lock_accounts(connection: Transaction, portfolio_ids: Collection[UUID]) -> None:
    """Lock the accounts of these portfolios until the transaction ends, in the order in which everybody locks many."""
    await connection.execute(LOCK, {"portfolio_ids": list(portfolio_ids)})


async def _seen(connection: Transaction, found: Collection[_Id]) -> list[OpenOrder]:
    if not found:
        return []
    rows = await rows_of(connection, SEEN, {"ids": [each.id for each in found]}, _Seen)
    return [_opened(row) for row in rows]


def _opened(row: _Seen) -> OpenOrder:
    return OpenOrder(
        order=order_of(row),
        exchange=row.exchange,
        multiplier=row.multiplier,
        amount=row.amount,
        since_us=epoch_us(row.since),
    )
