"""What every portfolio holds, and exchange rates, as PostgreSQL has them."""

from collections.abc import Collection
from typing import Final, LiteralString

import pyarrow as pa
from psycopg import IsolationLevel

from lakehouse.contracts.render.arrow import data_type, schema
from lakehouse.contracts.tables.silver import FX_RATES, POSITIONS
from lakehouse.settings import PostgresSettings
from lakehouse.stores import postgres

COLUMNS = ("portfolio_id", "portfolio_name", "base_currency", "symbol", "quantity")
QUERY = """
    SELECT position.portfolio_id::text, portfolio.name, portfolio.base_currency, position.symbol, position.quantity
    FROM app.position JOIN app.portfolio ON portfolio.id = position.portfolio_id
    ORDER BY position.portfolio_id, position.symbol
"""

DIGESTS: Final[LiteralString] = """
    SELECT extract(year FROM r.as_of)::int::text,
           md5(string_agg(concat_ws(' ', r.base, r.quote, r.as_of, r.rate, r.provider), ','
                          ORDER BY r.base, r.quote, r.as_of))
    FROM market.fx_rate AS r GROUP BY 1 ORDER BY 1
"""
RATES: Final[LiteralString] = """
    SELECT r.base, r.quote, r.as_of, r.rate, r.provider, extract(year FROM r.as_of)::int
    FROM market.fx_rate AS r WHERE extract(year FROM r.as_of)::int = ANY (%(years)s)
    ORDER BY r.as_of, r.base, r.quote
"""


def rate_digests(section: PostgresSettings) -> dict[str, str]:
    """What tells whether the exchange rates of a year have changed, by year."""
    with postgres.connect(section) as connection:
        return dict(connection.execute(DIGESTS).fetchall())


def rates(section: PostgresSettings, years: Collection[int]) -> pa.Table:
    """The exchange rates of these years, as silver.fx_rates_v1 has them."""
    with postgres.connect(section) as connection:
        rows = connection.execute(RATES, {"years": list(years)}).fetchall()
    return pa.Table.from_pylist([dict(zip(FX_RATES.column_names, row, strict=True)) for row in rows], schema(FX_RATES))


def positions(section: PostgresSettings) -> pa.Table:
    """Every position with its portfolio's name and currency, in one repeatable-read transaction: a portfolio that
    changes meanwhile is seen entirely before or entirely after the change."""
    fields = pa.schema([pa.field(name, data_type(POSITIONS.column(name))) for name in COLUMNS])
    with postgres.connect(section) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        rows = connection.execute(QUERY).fetchall()
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(COLUMNS)
    return pa.table([pa.array(values, field.type) for values, field in zip(columns, fields, strict=True)], fields)
