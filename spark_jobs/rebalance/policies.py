"""Who is due, read from PostgreSQL at one instant, as JSON values for the run's parameters."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, LiteralString

from psycopg import IsolationLevel

from lakehouse.domain.currency import from_minor
from lakehouse.settings import PostgresSettings
from lakehouse.stores import postgres

# A date that was proposed for already is due again, so that running it twice proposes the same portfolios.
DUE: Final[LiteralString] = """
    SELECT p.id::text, p.name, p.base_currency, r.frequency, r.document,
           coalesce((
               SELECT sum(c.balance_minor - c.reserved_minor) FROM ledger.account AS c
               WHERE c.account_id = p.account_id AND c.purpose = 'cash' AND c.currency = p.base_currency
           ), 0)::bigint,
           o.max_position_weight, o.min_cash_weight, o.excluded_symbols,
           coalesce((
               SELECT jsonb_agg(jsonb_build_object(
                   'symbol', l.symbol, 'id', l.id, 'opened_on', (l.opened_at AT TIME ZONE 'UTC')::date,
                   'quantity', l.quantity::text, 'cost_minor', l.cost_minor::text
               ) ORDER BY l.symbol, l.opened_at, l.id)
               FROM app.lot AS l
               WHERE l.portfolio_id = p.id AND l.quantity > 0 AND l.currency = p.base_currency
           ), '[]')
    FROM app.rebalance_policy AS r
    JOIN app.portfolio AS p ON p.id = r.portfolio_id
    LEFT JOIN app.objective AS o ON o.portfolio_id = p.id
    WHERE r.is_enabled AND (r.next_on <= %(day)s OR r.proposed_on = %(day)s)
    ORDER BY p.id
"""


def due(section: PostgresSettings, business_date: date) -> list[dict[str, Any]]:
    """The portfolios due on the date or overdue, in one repeatable-read transaction; ordered by id."""
    with postgres.connect(section) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        rows = connection.execute(DUE, {"day": business_date}).fetchall()
    return [_portfolio(row) for row in rows]


def _portfolio(row: tuple[Any, ...]) -> dict[str, Any]:
    portfolio_id, name, currency, frequency, document, cash_minor, most, least_cash, excluded, lots = row
    return {
        "portfolio_id": portfolio_id,
        "name": name,
        "currency": currency,
        "cash": str(from_minor(cash_minor, currency)),
        "lots": [
            {
                "symbol": lot["symbol"],
                "id": lot["id"],
                "opened_on": lot["opened_on"],
                "quantity": lot["quantity"],
                "cost": str(from_minor(int(lot["cost_minor"]), currency)),
            }
            for lot in lots
        ],
        "policy": within_objective(
            {**document, "frequency": frequency},
            most=None if most is None else float(most),
            least_cash=None if least_cash is None else float(least_cash),
            excluded=excluded or [],
        ),
    }


def within_objective(
    policy: Mapping[str, Any], *, most: float | None, least_cash: float | None, excluded: list[str]
) -> dict[str, Any]:
    """The policy with the limits of the portfolio's objective in it: the narrower of two limits counts. An aim's
    explicit targets stay as they are written."""
    aims = {
        regime: {
            **aim,
            "max_weight": min(aim["max_weight"], most) if most else aim["max_weight"],
            "cash": max(aim["cash"], least_cash or 0.0) if aim["objective"] != "target_weights" else aim["cash"],
        }
        for regime, aim in policy["aims"].items()
    }
    return {**policy, "aims": aims, "excluded": sorted({*policy.get("excluded", ()), *excluded})}
