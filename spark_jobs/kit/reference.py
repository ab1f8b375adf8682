"""Sectors and multipliers of instruments, read from PostgreSQL when a run is planned and kept in its parameters."""

from collections.abc import Iterable
from typing import Final, LiteralString

from lakehouse.settings import PostgresSettings
from lakehouse.stores import postgres

HELD: Final[LiteralString] = """
    SELECT symbol, NULLIF(sector, ''), NULLIF(multiplier, 1)::text FROM app.instrument
    WHERE symbol = ANY (%(symbols)s)
    ORDER BY symbol
"""
CONTRACTS: Final[LiteralString] = """
    SELECT i.symbol, i.multiplier::text FROM app.instrument AS i WHERE i.multiplier <> 1 ORDER BY i.symbol
"""


def contracts(section: PostgresSettings) -> dict[str, str]:
    """As of now: the multiplier of every instrument whose contract is not of one unit."""
    with postgres.connect(section) as connection:
        return dict(connection.execute(CONTRACTS).fetchall())


def reference(section: PostgresSettings, symbols: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """As of now: the sector of each of `symbols` that has one, and the multiplier of each whose contract is not of one
    unit."""
    with postgres.connect(section) as connection:
        found = connection.execute(HELD, {"symbols": sorted(symbols)}).fetchall()
    return (
        {symbol: sector for symbol, sector, _ in found if sector},
        {symbol: multiplier for symbol, _, multiplier in found if multiplier},
    )
