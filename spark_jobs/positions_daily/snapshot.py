"""What every portfolio holds, read from PostgreSQL at one instant."""

import pyarrow as pa
from psycopg import IsolationLevel

from lakehouse.contracts.render.arrow import data_type
from lakehouse.contracts.tables.silver import POSITIONS
from lakehouse.settings import PostgresSettings
from lakehouse.stores import postgres

COLUMNS = ("portfolio_id", "portfolio_name", "base_currency", "symbol", "quantity")
QUERY = """
    SELECT position.portfolio_id::text, portfolio.name, portfolio.base_currency, position.symbol, position.quantity
    FROM app.position JOIN app.portfolio ON portfolio.id = position.portfolio_id
    ORDER BY position.portfolio_id, position.symbol
"""


def positions(section: PostgresSettings) -> pa.Table:
    """Every position with its portfolio's name and currency, in one repeatable-read transaction: a portfolio that
    changes meanwhile is seen entirely before or entirely after the change."""
    schema = pa.schema([pa.field(name, data_type(POSITIONS.column(name))) for name in COLUMNS])
    with postgres.connect(section) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        rows = connection.execute(QUERY).fetchall()
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(COLUMNS)
    return pa.table([pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)], schema)
