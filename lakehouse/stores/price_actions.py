"""The corporate actions that prices in the lake are not adjusted for yet."""

from typing import Final, LiteralString

from psycopg.rows import class_row

from lakehouse.quality.actions import Action
from lakehouse.settings import PostgresSettings
from lakehouse.stores import postgres

ACTIVE: Final[LiteralString] = """
    SELECT symbol, kind, ex_date, ratio, related_symbol, cost_share, amount, currency FROM app.corporate_action
    WHERE reversed_at IS NULL AND adjusts_prices ORDER BY symbol, ex_date, kind
"""


def active(section: PostgresSettings) -> list[Action]:
    """Every action that holds and that raw prices show, by symbol and day."""
    with postgres.connect(section) as connection, connection.cursor(row_factory=class_row(Action)) as cursor:
        return cursor.execute(ACTIVE).fetchall()
