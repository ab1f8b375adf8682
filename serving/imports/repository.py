"""All SQL of imports. Writes happen in the caller's transaction."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from lakehouse.contracts.tables.reports import IMPORT_MAPPING
from lakehouse.stores.postgres import Transaction, rows_of
from serving.imports.layout import Layout
from serving.imports.schemas import ImportSummary, MappingOut, RowOut, Said
from serving.kit.access import Principal
from serving.kit.crud.collection import Collection as Rows
from serving.kit.database import Database, find_in

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MAPPINGS: Final = Rows(IMPORT_MAPPING, MappingOut, noun="mapping")

INSTRUMENTS: Final[LiteralString] = """
    SELECT i.symbol, i.currency, i.multiplier FROM app.instrument AS i WHERE i.symbol = ANY(%(symbols)s)
"""
BOOKED: Final[LiteralString] = """
    SELECT x.external_id FROM app.transaction AS x
    WHERE x.portfolio_id = %(portfolio_id)s AND x.reversed_at IS NULL AND x.external_id = ANY(%(external_ids)s)
    UNION ALL
    SELECT x.id::text FROM app.transaction AS x
    WHERE x.portfolio_id = %(portfolio_id)s AND x.reversed_at IS NULL AND x.id = ANY(%(own_ids)s)
"""
CASH_DAYS: Final[LiteralString] = """
    SELECT greatest(leg.occurred_at::date, DATE '0001-01-01') AS day, leg.currency, sum(leg.minor)::bigint AS minor
    FROM (
        SELECT x.occurred_at, x.currency, x.cash_minor AS minor FROM app.transaction AS x
        WHERE x.portfolio_id = %(portfolio_id)s AND x.reversed_at IS NULL
        UNION ALL
        SELECT x.occurred_at, x.to_currency, x.to_minor FROM app.transaction AS x
        WHERE x.portfolio_id = %(portfolio_id)s AND x.reversed_at IS NULL AND x.kind = 'conversion'
    ) AS leg
    GROUP BY 1, 2
"""
FREE_CASH: Final[LiteralString] = """
    SELECT a.currency, a.balance_minor - a.reserved_minor AS minor FROM ledger.account AS a
    WHERE a.account_id = %(account_id)s AND a.purpose = 'cash'
"""
WRITE: Final[LiteralString] = """
    INSERT INTO app.import (id, owner_id, portfolio_id, preset, file_sha256, row_count, booked, duplicates, errors,
                            drafts, created_at)
    VALUES (%(id)s, %(owner_id)s, %(portfolio_id)s, %(preset)s, %(file_sha256)s, %(row_count)s, %(booked)s,
            %(duplicates)s, %(errors)s, %(drafts)s, %(created_at)s)
"""
WRITE_ROWS: Final[LiteralString] = "COPY app.import_row (import_id, row, status, code, detail, source) FROM STDIN"
READABLE: Final[LiteralString] = """
    SELECT t.id, t.portfolio_id, t.preset, t.file_sha256, t.row_count, t.booked, t.duplicates, t.errors, t.drafts,
           t.created_at
    FROM app.import AS t WHERE (%(reads_all)s OR t.owner_id = %(reader)s)
"""
ONE: Final[LiteralString] = READABLE + " AND t.id = %(id)s"
PAGE: Final[LiteralString] = (
    READABLE
    + """
      AND (%(after)s::uuid IS NULL OR t.id > %(after)s)
      AND (%(portfolio_id)s::uuid IS NULL OR t.portfolio_id = %(portfolio_id)s)
    ORDER BY t.id LIMIT %(limit)s
"""
)
ROWS: Final[LiteralString] = """
    SELECT r.row, r.status, r.code, r.detail, r.source FROM app.import_row AS r
    WHERE r.import_id = %(id)s AND r.row > %(after)s AND (%(status)s::text IS NULL OR r.status = %(status)s)
    ORDER BY r.row LIMIT %(limit)s
"""
LAYOUT: Final[LiteralString] = """
    SELECT m.layout FROM app.import_mapping AS m WHERE m.id = %(id)s AND m.owner_id = %(owner_id)s
"""


@dataclass(frozen=True, slots=True)
class Instrument:
    """A known instrument, the currency of its price, and the units that one contract stands for."""

    symbol: str
    currency: str
    multiplier: Decimal


@dataclass(frozen=True, slots=True)
class CashDay:
    """The change of cash of a currency on a day, in its minor units."""

    day: date
    currency: str
    minor: int


@dataclass(frozen=True, slots=True)
class FreeCash:
    """Cash of a currency that nothing has reserved, in its minor units."""

    currency: str
    minor: int


@dataclass(frozen=True, slots=True)
class _ExternalId:
    external_id: str


@dataclass(frozen=True, slots=True)
class _Layout:
    layout: dict[str, object]


class ImportRepository:
    """Reads and writes of imports."""

    async def layout(self, connection: Transaction, mapping_id: UUID, owner_id: UUID) -> Layout | None:
        """A layout that the user saved, or None."""
        found = await find_in(connection, LAYOUT, {"id": mapping_id, "owner_id": owner_id}, _Layout)
        return None if found is None else Layout.model_validate(found.layout)

    async def instruments(self, connection: Transaction, symbols: Collection[str]) -> dict[str, tuple[str, Decimal]]:
        """Currencies and multipliers of those symbols that are known."""
        found = await rows_of(connection, INSTRUMENTS, {"symbols": sorted(symbols)}, Instrument)
        return {each.symbol: (each.currency, each.multiplier) for each in found}

    async def booked(self, connection: Transaction, portfolio_id: UUID, external_ids: Collection[str]) -> set[str]:
        """Those external ids that a transaction of the portfolio has already.

        A transaction without one is exported with its own id in that place.
        """
        own = [UUID(each) for each in external_ids if _UUID.fullmatch(each)]
        names = {"portfolio_id": portfolio_id, "external_ids": list(external_ids), "own_ids": own}
        return {each.external_id for each in await rows_of(connection, BOOKED, names, _ExternalId)}

    async def cash_days(self, connection: Transaction, portfolio_id: UUID) -> list[CashDay]:
        """Changes of cash by day and currency."""
        return await rows_of(connection, CASH_DAYS, {"portfolio_id": portfolio_id}, CashDay)

    async def free_cash(self, connection: Transaction, account_id: UUID) -> dict[str, int]:
        """Cash by currency that nothing has reserved."""
        found = await rows_of(connection, FREE_CASH, {"account_id": account_id}, FreeCash)
        return {each.currency: each.minor for each in found}

    async def write(
        self, connection: Transaction, summary: ImportSummary, owner_id: UUID, rows: Sequence[Said]
    ) -> None:
        """Keep an import with its rows."""
        names = summary.model_dump()
        await connection.execute(WRITE, {**names, "owner_id": owner_id, "drafts": Jsonb(summary.drafts)})
        async with connection.cursor() as cursor, cursor.copy(WRITE_ROWS) as copy:
            for row in rows:
                await copy.write_row((summary.id, row.row, row.status.value, row.code, row.detail, row.source))


class ImportReader:
    """Reads of imports that were kept. Every method raises PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, principal: Principal, import_id: UUID) -> ImportSummary | None:
        """The readable import, or None."""
        return await self._database.find(ONE, {**principal.reader, "id": import_id}, ImportSummary)

    async def page(
        self, principal: Principal, *, after: UUID | None, portfolio_id: UUID | None, limit: int
    ) -> list[ImportSummary]:
        """Up to `limit` readable imports by id."""
        names = {"after": after, "portfolio_id": portfolio_id, "limit": limit}
        return await self._database.fetch(PAGE, {**principal.reader, **names}, ImportSummary)

    async def rows(self, import_id: UUID, *, after: int, status: str | None, limit: int) -> list[RowOut]:
        """Up to `limit` rows by line; the caller has checked that the import may be read."""
        return await self._database.fetch(
            ROWS, {"id": import_id, "after": after, "status": status, "limit": limit}, RowOut
        )
