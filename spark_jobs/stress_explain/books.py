"""What PostgreSQL knows of the day, read at one instant when a run is planned and kept in its parameters."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, LiteralString

from psycopg import Connection, IsolationLevel
from psycopg.rows import TupleRow, dict_row

from lakehouse.portfolio.fx import STALE_DAYS
from lakehouse.settings import PostgresSettings
from lakehouse.stores import postgres
from spark_jobs.kit.reference import CONTRACTS

FACTS: Final[LiteralString] = """
    SELECT x.portfolio_id::text AS portfolio_id, x.kind, coalesce(x.symbol, '') AS symbol,
           coalesce(x.quantity, 0)::text AS quantity, coalesce(x.price, 0)::text AS price, x.currency, x.gross_minor,
           x.cash_minor, x.fee_minor + x.tax_minor AS charges_minor, x.fx_rate::text AS fx_rate,
           coalesce(x.ratio, 1)::text AS ratio, coalesce(x.related_symbol, '') AS related_symbol,
           coalesce(x.to_currency, '') AS to_currency,
           coalesce(x.to_minor, 0) AS to_minor
    FROM app.transaction AS x
    WHERE x.occurred_at >= %(first)s AND x.occurred_at < %(until)s AND x.reversed_at IS NULL
    ORDER BY x.occurred_at, x.id
"""
CASH: Final[LiteralString] = """
    SELECT p.id::text, leg.currency, sum(leg.minor)::bigint
    FROM (
        SELECT x.portfolio_id, x.currency, x.cash_minor AS minor, x.occurred_at FROM app.transaction AS x
        WHERE x.reversed_at IS NULL
        UNION ALL
        -- A conversion moves the cash of two currencies.
        SELECT x.portfolio_id, x.to_currency, x.to_minor, x.occurred_at FROM app.transaction AS x
        WHERE x.reversed_at IS NULL AND x.kind = 'conversion'
    ) AS leg JOIN app.portfolio AS p ON p.id = leg.portfolio_id
    WHERE leg.occurred_at < %(first)s AND leg.currency <> p.base_currency
    GROUP BY p.id, leg.currency HAVING sum(leg.minor) <> 0
    ORDER BY p.id, leg.currency
"""
RATES: Final[LiteralString] = """
    SELECT r.base, r.quote, r.as_of::text, r.rate::text FROM market.fx_rate AS r
    WHERE r.as_of > %(oldest)s AND r.as_of <= %(day)s ORDER BY r.base, r.quote, r.as_of
"""


def read(section: PostgresSettings, previous: date | None, day: date) -> dict[str, Any]:
    """What happened after the close of `previous` up to that of `day`, as JSON values; without `previous`, nothing.

    A rate that is older than STALE_DAYS counts as missing, and is not read.
    """
    with postgres.connect(section) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        told: dict[str, Any] = {
            "previous": previous and previous.isoformat(),
            "facts": {},
            "cash": {},
            "rates": [],
            "multipliers": dict(connection.execute(CONTRACTS).fetchall()),
        }
        if previous is not None:
            first, until = (_midnight(each + timedelta(days=1)) for each in (previous, day))
            told["facts"] = _facts(connection, first, until)
            for portfolio, currency, minor in connection.execute(CASH, {"first": first}).fetchall():
                told["cash"].setdefault(portfolio, {})[currency] = minor
            oldest = previous - timedelta(days=STALE_DAYS + 1)
            told["rates"] = [list(row) for row in connection.execute(RATES, {"oldest": oldest, "day": day}).fetchall()]
    return told


def _facts(connection: Connection[TupleRow], first: datetime, until: datetime) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    with connection.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(FACTS, {"first": first, "until": until}).fetchall():
            found.setdefault(row.pop("portfolio_id"), []).append(row)
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
