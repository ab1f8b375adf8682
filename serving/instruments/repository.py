"""The table of instruments, and what is known of them by symbol."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.contracts.tables.books import INSTRUMENT
from lakehouse.stores import postgres
from lakehouse.stores.postgres import Transaction
from serving.instruments.schemas import InstrumentKind, InstrumentOut
from serving.kit.crud.collection import EVERYBODY, Collection
from serving.kit.crud.repository import CrudRepository

INSTRUMENTS = Collection(
    INSTRUMENT,
    InstrumentOut,
    noun="instrument",
    readable=EVERYBODY,
    writable=EVERYBODY,  # its routes ask for the scope of admins
    predicates={
        "search": "(strpos(lower(t.symbol), lower(%(search)s)) > 0 OR strpos(lower(t.name), lower(%(search)s)) > 0)"
    },
)

KINDS: Final[LiteralString] = """
    SELECT i.symbol, i.kind FROM app.instrument AS i WHERE i.symbol = ANY (%(symbols)s) FOR KEY SHARE
"""
TRADED: Final[LiteralString] = """
    SELECT EXISTS (SELECT FROM app.transaction AS x WHERE x.symbol = %(symbol)s)
        OR EXISTS (SELECT FROM trading."order" AS o WHERE o.symbol = %(symbol)s) AS is_traded
"""
# A draft's currency is a guess; what was paid in another one, or converted, contradicts a new guess.
CONTRADICTED: Final[LiteralString] = """
    SELECT EXISTS (
        SELECT FROM app.transaction AS x
        WHERE x.symbol = %(symbol)s AND (x.currency <> %(currency)s OR x.fx_rate <> 1)
    ) OR EXISTS (SELECT FROM trading."order" AS o WHERE o.symbol = %(symbol)s) AS is_traded
"""
ADD_DRAFTS: Final[LiteralString] = """
    INSERT INTO app.instrument (symbol, name, currency, exchange, status, kind, created_at, created_by)
    SELECT d.symbol, d.name, d.currency, 'XXXX', 'draft', 'other', %(now)s, %(creator)s
    FROM unnest(%(symbols)s::text[], %(names)s::text[], %(currencies)s::text[]) AS d (symbol, name, currency)
    ORDER BY d.symbol
    ON CONFLICT (symbol) DO NOTHING
    RETURNING symbol
"""
REMOVE_DRAFTS: Final[LiteralString] = """
    DELETE FROM app.instrument WHERE symbol = ANY(%(symbols)s) AND status = 'draft'
"""
DRAFTS_OF: Final[LiteralString] = """
    SELECT count(*) AS found FROM app.instrument WHERE status = 'draft' AND created_by = %(creator)s
"""


@dataclass(frozen=True, slots=True)
class _Kind:
    symbol: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Traded:
    is_traded: bool


@dataclass(frozen=True, slots=True)
class _Symbol:
    symbol: str


@dataclass(frozen=True, slots=True)
class _Count:
    found: int


async def add_drafts(
    connection: Transaction, wanted: Mapping[str, tuple[str, str]], creator: UUID, now: datetime
) -> set[str]:
    """Drafts of those symbols that are unknown, with name and currency; the symbols that it made."""
    names = {"symbols": list(wanted), "names": [name for name, _ in wanted.values()], "now": now, "creator": creator}
    currencies = [currency for _, currency in wanted.values()]
    made = await postgres.rows_of(connection, ADD_DRAFTS, {**names, "currencies": currencies}, _Symbol)
    return {row.symbol for row in made}


async def remove_drafts(connection: Transaction, symbols: Iterable[str]) -> None:
    """Remove drafts that nothing names."""
    await connection.execute(REMOVE_DRAFTS, {"symbols": list(symbols)})


async def drafts_of(connection: Transaction, creator: UUID) -> int:
    """How many drafts of a user wait."""
    return (await postgres.rows_of(connection, DRAFTS_OF, {"creator": creator}, _Count))[0].found


class InstrumentRepository(CrudRepository[InstrumentOut]):
    """Instruments. Every method raises PostgresUnavailable."""

    async def kinds(self, connection: Transaction, symbols: Iterable[str]) -> dict[str, InstrumentKind]:
        """The kind of each symbol that exists; they stay until the transaction ends."""
        found = await postgres.rows_of(connection, KINDS, {"symbols": list(symbols)}, _Kind)
        return {row.symbol: InstrumentKind(row.kind) for row in found}

    async def is_contradicted(self, connection: Transaction, symbol: str, currency: str) -> bool:
        """Whether something was paid for a draft in another currency, or an order names it."""
        names = {"symbol": symbol, "currency": currency}
        return (await postgres.rows_of(connection, CONTRADICTED, names, _Traded))[0].is_traded

    async def is_traded(self, connection: Transaction, symbol: str) -> bool:
        """Whether a transaction or an order names the symbol."""
        found = await postgres.rows_of(connection, TRADED, {"symbol": symbol}, _Traded)
        return found[0].is_traded
