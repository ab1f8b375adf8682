"""Reads of orders. What changes them is in `lakehouse.stores.books`."""

from typing import Final, LiteralString
from uuid import UUID

from psycopg import sql

from lakehouse.contracts.tables.trading import ORDER
from lakehouse.stores.postgres import Transaction, rows_of
from serving.kit.access import Principal
from serving.kit.crud.collection import Collection
from serving.kit.crud.repository import CrudRepository
from serving.orders.schemas import OrderDetail, OrderEventOut, OrderOut

OWN: Final[LiteralString] = """
    t.portfolio_id IN (SELECT p.id FROM app.portfolio AS p WHERE p.owner_id = %(reader)s)
"""
READABLE: Final[LiteralString] = """
    (%(reads_all)s OR t.portfolio_id IN (SELECT p.id FROM app.portfolio AS p WHERE p.owner_id = %(reader)s))
"""
ORDERS = Collection(
    ORDER,
    OrderOut,
    noun="order",
    readable=READABLE,
    writable=OWN,
    extra={
        "leaves_quantity": "t.quantity - t.filled_quantity",
        "reserved_cash": """
            (SELECT round(t.reserved_minor / 10::numeric ^ c.minor_digits, c.minor_digits)
             FROM ledger.currency AS c WHERE c.code = t.currency)
        """,
    },
    predicates={
        "status": """
            (CASE %(status)s::text WHEN 'open' THEN t.status IN ('new', 'held', 'accepted', 'partially_filled')
                             ELSE t.status = %(status)s::text END)
        """
    },
)
HISTORY: Final[LiteralString] = """
    SELECT e.version, e.from_status, e.to_status, e.reason, e.fill_id, e.occurred_at
    FROM trading.order_event AS e
    WHERE e.order_id = %(order_id)s
    ORDER BY e.version
"""
FAMILY: Final = (
    sql.SQL("""
    {} WHERE t.id = %(row_id)s OR t.parent_id = %(row_id)s OR t.oco_group = (
        SELECT x.oco_group FROM trading.order AS x WHERE x.id = %(row_id)s
    ) ORDER BY t.id
""")
    .format(ORDERS.select)
    .as_bytes()
)


class OrderRepository(CrudRepository[OrderOut]):
    """Orders and their history. Every method raises PostgresUnavailable."""

    async def history(self, order_id: UUID) -> list[OrderEventOut]:
        """What happened to an order, by version; its reader has been checked."""
        return await self._database.fetch(HISTORY, {"order_id": order_id}, OrderEventOut)

    async def with_legs(self, principal: Principal, order_id: UUID) -> OrderDetail | None:
        """A readable order with its relatives, or None."""
        if await self.find(principal, order_id) is None:
            return None
        return _detail(order_id, await self._database.fetch(FAMILY, {"row_id": order_id}, OrderOut))

    async def written_with_legs(self, connection: Transaction, order_id: UUID) -> OrderDetail:
        """An order that the caller has just written, with its relatives."""
        return _detail(order_id, await rows_of(connection, FAMILY, {"row_id": order_id}, OrderOut))


def _detail(order_id: UUID, family: list[OrderOut]) -> OrderDetail:
    order = next(each for each in family if each.id == order_id)
    return OrderDetail(**dict(order), legs=[each for each in family if each.id != order_id])
