"""The table of instruments, and what is known of them by symbol."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, LiteralString

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


@dataclass(frozen=True, slots=True)
class _Kind:
    symbol: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Traded:
    is_traded: bool


class InstrumentRepository(CrudRepository[InstrumentOut]):
    """Instruments. Every method raises PostgresUnavailable."""

    async def kinds(self, connection: Transaction, symbols: Iterable[str]) -> dict[str, InstrumentKind]:
        """The kind of each symbol that exists; they stay until the transaction ends."""
        found = await postgres.rows_of(connection, KINDS, {"symbols": list(symbols)}, _Kind)
        return {row.symbol: InstrumentKind(row.kind) for row in found}

    async def is_traded(self, connection: Transaction, symbol: str) -> bool:
        """Whether a transaction or an order names the symbol."""
        found = await postgres.rows_of(connection, TRADED, {"symbol": symbol}, _Traded)
        return found[0].is_traded
