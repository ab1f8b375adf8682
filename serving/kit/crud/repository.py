"""The statements of a resource of rows, composed from its collection. Every one is bound by who asks."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final, Generic, LiteralString
from uuid import UUID

from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from lakehouse.contracts.model import Type
from lakehouse.stores import postgres
from lakehouse.stores.postgres import Transaction
from serving.kit.access import Principal
from serving.kit.crud.collection import Collection, Out
from serving.kit.crud.listing import Order
from serving.kit.database import Database

Place = tuple[str, UUID]
Form = tuple[tuple[str, ...], Order, bool]
MAX_FORMS: Final = 256


class CrudRepository(Generic[Out]):
    """Reads by the read pool, writes inside the caller's transaction. Every method raises PostgresUnavailable."""

    def __init__(self, database: Database, collection: Collection[Out]) -> None:
        self._database = database
        self.collection = collection
        self._pages: dict[Form, bytes] = {}

    async def page(
        self,
        principal: Principal,
        *,
        filters: Mapping[str, object],
        order: Order,
        after: Place | None,
        limit: int,
    ) -> list[Out]:
        """Up to `limit` readable rows that pass `filters`, in `order`, after the place."""
        names = {**principal.reader, **filters, "limit": limit}
        if after is not None:
            names.update(after_value=after[0], after_id=after[1])
        statement = self._page((tuple(filters), order, after is not None))
        return await self._database.fetch(statement, names, self.collection.out)

    async def find(self, principal: Principal, row_id: UUID) -> Out | None:
        """The readable row, or None."""
        return await self._database.find(self._find, _by_id(principal, row_id), self._out)

    async def find_for_write(self, connection: Transaction, principal: Principal, row_id: UUID) -> Out | None:
        """The writable row, locked until the transaction ends, or None."""
        rows = await postgres.rows_of(connection, self._find_for_write, _by_id(principal, row_id), self._out)
        return rows[0] if rows else None

    async def insert(self, connection: Transaction, rows: Sequence[Mapping[str, object]]) -> None:
        """Write the rows by COPY: each names the same columns. Constraints raise psycopg.IntegrityError."""
        names = list(rows[0])
        types = {column.name: column.type for column in self.collection.table.columns}
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            self.collection.name, sql.SQL(", ").join(map(sql.Identifier, names))
        )
        async with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                await copy.write_row([_stored(row[name], types[name]) for name in names])

    async def read_back(self, connection: Transaction, ids: Sequence[UUID]) -> list[Out]:
        """Rows just written, in the order of `ids`."""
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(self._read_back, {"ids": list(ids)})
            found = {row["id"]: row for row in await cursor.fetchall()}
        return [self._out(**found[each]) for each in ids]

    async def update(self, connection: Transaction, row_id: UUID, changes: Mapping[str, object]) -> None:
        """Set the columns of `changes`, which names at least one, on a row that the caller has locked."""
        types = {column.name: column.type for column in self.collection.table.columns}
        settings: list[sql.Composable] = [
            sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in changes
        ]
        if self.collection.is_versioned:
            settings.append(sql.SQL("version = version + 1"))
        statement = sql.SQL("UPDATE {} SET {} WHERE id = %(row_id)s").format(
            self.collection.name, sql.SQL(", ").join(settings)
        )
        values = {name: _stored(value, types[name]) for name, value in changes.items()}
        await connection.execute(statement, {**values, "row_id": row_id})

    async def delete(self, connection: Transaction, row_id: UUID) -> None:
        """Remove a row that the caller has locked."""
        await connection.execute(
            sql.SQL("DELETE FROM {} WHERE id = %(row_id)s").format(self.collection.name), {"row_id": row_id}
        )

    @property
    def _out(self) -> type[Out]:
        return self.collection.out

    # Composed once: what a statement is made of does not change, and to compose it costs more than to send it.

    @cached_property
    def _find(self) -> bytes:
        return self._one(self.collection.readable).as_bytes()

    @cached_property
    def _find_for_write(self) -> bytes:
        return sql.SQL("{} FOR NO KEY UPDATE OF t").format(self._one(self.collection.writable)).as_bytes()

    @cached_property
    def _read_back(self) -> bytes:
        return sql.SQL("{} WHERE t.id = ANY(%(ids)s)").format(self.collection.select).as_bytes()

    def _page(self, form: Form) -> bytes:
        known = self._pages.get(form)
        if known is not None:
            return known
        filters, order, is_continued = form
        conditions: list[sql.Composable] = [sql.SQL(self.collection.readable)]
        conditions.extend(self.collection.predicate(name) for name in filters)
        key, kind = self.collection.sort_key(order.column)
        if is_continued:
            conditions.append(_beyond(key, kind, order))
        statement = sql.SQL("{} WHERE {} {} LIMIT %(limit)s").format(
            self.collection.select, sql.SQL(" AND ").join(conditions), _ordered(key, order)
        )
        if len(self._pages) >= MAX_FORMS:
            self._pages.clear()
        self._pages[form] = statement.as_bytes()
        return self._pages[form]

    def _one(self, predicate: LiteralString) -> sql.Composed:
        return sql.SQL("{} WHERE t.id = %(row_id)s AND {}").format(self.collection.select, sql.SQL(predicate))


def _by_id(principal: Principal, row_id: UUID) -> dict[str, object]:
    return {**principal.reader, "row_id": row_id}


def _ordered(key: sql.Composable, order: Order) -> sql.Composed:
    direction = sql.SQL("DESC" if order.descending else "ASC")
    return sql.SQL("ORDER BY {} {}, t.id {}").format(key, direction, direction)


_CASTS = {
    Type.UUID: sql.SQL("uuid"),
    Type.TIMESTAMP: sql.SQL("timestamptz"),
    Type.DATE: sql.SQL("date"),
    Type.DECIMAL: sql.SQL("numeric"),
    Type.INT32: sql.SQL("integer"),
    Type.INT64: sql.SQL("bigint"),
    Type.STRING: sql.SQL("text"),
}


def _beyond(key: sql.Composable, kind: Type, order: Order) -> sql.Composed:
    return sql.SQL("({}, t.id) {} (%(after_value)s::{}, %(after_id)s)").format(
        key, sql.SQL("<" if order.descending else ">"), _CASTS[kind]
    )


def _stored(value: object, kind: Type) -> object:
    return Jsonb(value) if kind is Type.JSON and value is not None else value
