"""All SQL of exports: every value is text already, exact, and pages follow each other by key."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from serving.exports.schemas import Kind
from serving.kit.access import Principal
from serving.kit.database import Database

READABLE: Final[LiteralString] = """
    SELECT p.id FROM app.portfolio AS p WHERE (%(reads_all)s OR p.owner_id = %(reader)s) AND p.id = %(portfolio_id)s
"""


@dataclass(frozen=True, slots=True)
class Export:
    """Columns, and the statement of a page: rows after `place`, each with its cells and its own place."""

    columns: tuple[str, ...]
    statement: LiteralString
    start: tuple[str, ...]


TRANSACTIONS: Final[LiteralString] = """
    SELECT ARRAY[x.occurred_at::text, x.id::text] AS place, ARRAY[
        to_char(x.occurred_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'), x.kind, x.symbol,
        trim_scale(x.quantity)::text, trim_scale(x.price)::text, x.currency,
        CASE
            WHEN x.kind IN ('deposit', 'dividend', 'interest')
                THEN round((x.cash_minor + x.fee_minor + x.tax_minor) / 10::numeric ^ c.minor_digits, c.minor_digits)
            WHEN x.kind IN ('withdrawal', 'fee', 'tax', 'conversion')
                THEN round(-(x.cash_minor + x.fee_minor + x.tax_minor) / 10::numeric ^ c.minor_digits, c.minor_digits)
        END::text,
        round(x.fee_minor / 10::numeric ^ c.minor_digits, c.minor_digits)::text,
        round(x.tax_minor / 10::numeric ^ c.minor_digits, c.minor_digits)::text,
        trim_scale(x.fx_rate)::text, trim_scale(x.ratio)::text, x.related_symbol, trim_scale(x.cost_share)::text,
        x.to_currency, round(x.to_minor / 10::numeric ^ d.minor_digits, d.minor_digits)::text,
        x.settles_on::text, coalesce(x.external_id, x.id::text), x.note,
        round(x.cash_minor / 10::numeric ^ c.minor_digits, c.minor_digits)::text, x.source, x.id::text
    ] AS cells
    FROM app.transaction AS x
    JOIN ledger.currency AS c ON c.code = x.currency
    LEFT JOIN ledger.currency AS d ON d.code = x.to_currency
    WHERE x.portfolio_id = %(portfolio_id)s AND x.reversed_at IS NULL
      AND (x.occurred_at, x.id) > (%(after_0)s::timestamptz, %(after_1)s::uuid)
    ORDER BY x.occurred_at, x.id LIMIT %(limit)s
"""
POSITIONS: Final[LiteralString] = """
    SELECT ARRAY[x.symbol] AS place, ARRAY[
        x.symbol, i.name, i.currency, trim_scale(x.quantity)::text, trim_scale(x.reserved_quantity)::text,
        to_char(x.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')
    ] AS cells
    FROM app.position AS x JOIN app.instrument AS i ON i.symbol = x.symbol
    WHERE x.portfolio_id = %(portfolio_id)s AND x.symbol > %(after_0)s
    ORDER BY x.symbol LIMIT %(limit)s
"""
LOTS: Final[LiteralString] = """
    SELECT ARRAY[x.symbol, x.id::text] AS place, ARRAY[
        x.symbol, x.id::text, x.opened_by::text, to_char(x.opened_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
        trim_scale(x.original_quantity)::text, trim_scale(x.quantity)::text,
        round(x.cost_minor / 10::numeric ^ c.minor_digits, c.minor_digits)::text, x.currency
    ] AS cells
    FROM app.lot AS x JOIN ledger.currency AS c ON c.code = x.currency
    WHERE x.portfolio_id = %(portfolio_id)s AND (x.symbol, x.id) > (%(after_0)s, %(after_1)s::uuid)
    ORDER BY x.symbol, x.id LIMIT %(limit)s
"""
CLOSURES: Final[LiteralString] = """
    SELECT ARRAY[x.symbol, x.closed_by::text, x.lot_id::text] AS place, ARRAY[
        x.symbol, x.closed_by::text, x.lot_id::text, to_char(x.opened_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
        to_char(x.closed_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'), trim_scale(x.quantity)::text,
        round(x.cost_minor / 10::numeric ^ c.minor_digits, c.minor_digits)::text, x.cost_currency,
        round(x.proceeds_minor / 10::numeric ^ d.minor_digits, d.minor_digits)::text, x.proceeds_currency
    ] AS cells
    FROM app.lot_closure AS x
    JOIN ledger.currency AS c ON c.code = x.cost_currency
    JOIN ledger.currency AS d ON d.code = x.proceeds_currency
    WHERE x.portfolio_id = %(portfolio_id)s
      AND (x.symbol, x.closed_by, x.lot_id) > (%(after_0)s, %(after_1)s::uuid, %(after_2)s::uuid)
    ORDER BY x.symbol, x.closed_by, x.lot_id LIMIT %(limit)s
"""
VALUATIONS: Final[LiteralString] = """
    SELECT ARRAY[x.business_date::text] AS place, ARRAY[
        x.business_date::text, x.currency,
        round(x.value_minor / 10::numeric ^ c.minor_digits, c.minor_digits)::text,
        round(x.cash_minor / 10::numeric ^ c.minor_digits, c.minor_digits)::text,
        round(x.net_flow_minor / 10::numeric ^ c.minor_digits, c.minor_digits)::text, x.reasons::text
    ] AS cells
    FROM app.valuation AS x JOIN ledger.currency AS c ON c.code = x.currency
    WHERE x.portfolio_id = %(portfolio_id)s AND x.business_date > %(after_0)s::date
    ORDER BY x.business_date LIMIT %(limit)s
"""

_FIRST = "00000000-0000-0000-0000-000000000000"
EXPORTS: Final[Mapping[Kind, Export]] = {
    # The columns of the import preset `tidemark`, and what else is known.
    Kind.TRANSACTIONS: Export(
        (
            "date",
            "kind",
            "symbol",
            "quantity",
            "price",
            "currency",
            "amount",
            "fee",
            "tax",
            "fx_rate",
            "ratio",
            "related_symbol",
            "cost_share",
            "to_currency",
            "to_amount",
            "settles_on",
            "external_id",
            "note",
            "cash",
            "source",
            "id",
        ),
        TRANSACTIONS,
        ("-infinity", _FIRST),
    ),
    Kind.POSITIONS: Export(
        ("symbol", "name", "currency", "quantity", "reserved_quantity", "updated_at"), POSITIONS, ("",)
    ),
    Kind.LOTS: Export(
        ("symbol", "lot_id", "opened_by", "opened_at", "original_quantity", "quantity", "cost", "currency"),
        LOTS,
        ("", _FIRST),
    ),
    Kind.CLOSURES: Export(
        (
            "symbol",
            "closed_by",
            "lot_id",
            "opened_at",
            "closed_at",
            "quantity",
            "cost",
            "cost_currency",
            "proceeds",
            "proceeds_currency",
        ),
        CLOSURES,
        ("", _FIRST, _FIRST),
    ),
    Kind.VALUATIONS: Export(
        ("business_date", "currency", "value", "cash", "net_flow", "reasons"), VALUATIONS, ("-infinity",)
    ),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A row: where it stands, and its cells in the order of the columns; None where it has no value."""

    place: list[str]
    cells: list[str | None]


@dataclass(frozen=True, slots=True)
class _Id:
    id: UUID


class ExportRepository:
    """Pages of exports. Every method raises PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def may_read(self, principal: Principal, portfolio_id: UUID) -> bool:
        """Whether the portfolio exists for the caller."""
        found = await self._database.find(READABLE, {**principal.reader, "portfolio_id": portfolio_id}, _Id)
        return found is not None

    async def page(self, kind: Kind, portfolio_id: UUID, after: list[str] | None, limit: int) -> list[Line]:
        """Up to `limit` rows after a place; from the start without one."""
        export = EXPORTS[kind]
        place = {f"after_{index}": part for index, part in enumerate(after or export.start)}
        return await self._database.fetch(
            export.statement, {**place, "portfolio_id": portfolio_id, "limit": limit}, Line
        )
