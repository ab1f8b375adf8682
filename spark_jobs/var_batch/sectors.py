"""The sectors of instruments, read from PostgreSQL when a run is planned and kept in its parameters."""

from typing import Final, LiteralString

from lakehouse.settings import PostgresSettings
from lakehouse.stores import postgres

HELD: Final[LiteralString] = """
    SELECT symbol, sector FROM app.instrument
    WHERE sector <> '' AND symbol = ANY (%(symbols)s)
    ORDER BY symbol
"""


def sectors(section: PostgresSettings, symbols: tuple[str, ...]) -> dict[str, str]:
    """The sector of each of `symbols` that has one, as of now."""
    with postgres.connect(section) as connection:
        return dict(connection.execute(HELD, {"symbols": list(symbols)}).fetchall())
