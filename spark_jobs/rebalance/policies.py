"""Who is due, read from PostgreSQL at one instant, as JSON values for the run's parameters."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import Connection, IsolationLevel
from psycopg.rows import TupleRow

from lakehouse.domain.currency import from_minor, minor_digits
from lakehouse.settings import PostgresSettings
from lakehouse.stores import postgres
from lakehouse.trading.lots import slice_of
from lakehouse.trading.order import WORKING

_BOOKS: Final[LiteralString] = """
    SELECT p.id::text, p.name, p.base_currency, r.frequency, r.document,
           coalesce((
               SELECT sum(c.balance_minor - c.reserved_minor) FROM ledger.account AS c
               WHERE c.account_id = p.account_id AND c.purpose = 'cash' AND c.currency = p.base_currency
           ), 0)::bigint,
           o.max_position_weight, o.min_cash_weight, o.excluded_symbols, o.max_volatility, o.target_return,
           coalesce((
               SELECT jsonb_agg(jsonb_build_object(
                   'symbol', l.symbol, 'id', l.id, 'opened_on', (l.opened_at AT TIME ZONE 'UTC')::date,
                   'quantity', l.quantity::text, 'cost_minor', l.cost_minor::text
               ) ORDER BY l.symbol, l.opened_at, l.id)
               FROM app.lot AS l
               WHERE l.portfolio_id = p.id AND l.quantity > 0 AND l.currency = p.base_currency
           ), '[]'),
           a.lot_method,
           coalesce((
               SELECT jsonb_object_agg(x.symbol, trim_scale(x.reserved_quantity)::text)
               FROM app.position AS x WHERE x.portfolio_id = p.id AND x.reserved_quantity <> 0
           ), '{}'),
           coalesce((
               SELECT jsonb_agg(jsonb_build_object(
                   'lots', s.lots, 'filled', s.filled_quantity::text, 'left', s.reserved_quantity::text
               ) ORDER BY s.id)
               FROM trading.order AS s
               WHERE s.portfolio_id = p.id AND s.side = 'sell' AND s.reserved_quantity > 0 AND s.lots IS NOT NULL
           ), '[]'),
           coalesce((
               SELECT jsonb_object_agg(b.symbol, b.units) FROM (
                   SELECT s.symbol, trim_scale(sum(s.quantity - s.filled_quantity))::text AS units
                   FROM trading.order AS s
                   WHERE s.portfolio_id = p.id AND s.side = 'buy' AND s.leg = 'entry' AND s.status = ANY (%(working)s)
                   GROUP BY s.symbol
               ) AS b
           ), '{}'),
           a.allows_short,
           coalesce((
               SELECT jsonb_object_agg(k.symbol, jsonb_build_array(k.minor::text, k.least::text)) FROM (
                   SELECT h.symbol, sum(h.collateral_minor) AS minor, min(h.collateral_minor / h.quantity) AS least
                   FROM app.short_sale AS h
                   WHERE h.portfolio_id = p.id AND h.currency = p.base_currency GROUP BY h.symbol
               ) AS k
           ), '{}')
    FROM app.portfolio AS p
    JOIN app.account AS a ON a.id = p.account_id
    LEFT JOIN app.rebalance_policy AS r ON r.portfolio_id = p.id
    LEFT JOIN app.objective AS o ON o.portfolio_id = p.id
"""
# A date that was proposed for already is due again, so that running it twice proposes the same portfolios.
DUE: Final[LiteralString] = (
    _BOOKS
    + """
    WHERE r.is_enabled AND (r.next_on <= %(day)s OR r.proposed_on = %(day)s)
    ORDER BY p.id
"""
)
NAMED: Final[LiteralString] = _BOOKS + "WHERE p.id = ANY (%(ids)s) ORDER BY p.id"


def due(section: PostgresSettings, business_date: date) -> list[dict[str, Any]]:
    """The portfolios due on the date or overdue, in one repeatable-read transaction; ordered by id."""
    with postgres.connect(section) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        rows = connection.execute(DUE, {"day": business_date, "working": sorted(WORKING)}).fetchall()
    return [_portfolio(row, {**row[4], "frequency": row[3]}) for row in rows]


def named(connection: Connection[TupleRow], documents: Mapping[UUID, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The portfolios of `documents`, each under that policy within the limits of its objective; ordered by id."""
    told = {"ids": list(documents), "working": sorted(WORKING)}
    rows = connection.execute(NAMED, told).fetchall()
    return [_portfolio(row, documents[UUID(row[0])]) for row in rows]


def _portfolio(row: tuple[Any, ...], document: Mapping[str, Any]) -> dict[str, Any]:
    portfolio_id, name, currency, _, _, cash_minor, most, least_cash, excluded, *rest = row
    max_volatility, target_return, *books = rest
    lots, lot_method, kept, sales, coming, may_short, shorts = books
    return {
        "portfolio_id": portfolio_id,
        "name": name,
        "currency": currency,
        "cash": str(from_minor(cash_minor, currency)),
        "lots": free_lots(
            [{**lot, "cost": str(from_minor(int(lot["cost_minor"]), currency))} for lot in lots], promised(sales)
        ),
        "lot_method": lot_method,
        "kept": kept,
        "coming": coming,
        "may_short": may_short,
        "shorts": {symbol: _short(minor[0], minor[1], currency) for symbol, minor in shorts.items()},
        "policy": within_objective(
            document,
            most=_fraction(most),
            least_cash=_fraction(least_cash),
            excluded=excluded or [],
        )
        | {"max_volatility": _fraction(max_volatility), "target_return": _fraction(target_return)},
    }


def _fraction(told: Decimal | None) -> float | None:
    return None if told is None else float(told)


def _short(kept_minor: str, least_minor: str, currency: str) -> dict[str, str]:
    """Cash that is kept back for an instrument sold short, and the least of it for one unit."""
    least = Decimal(least_minor).scaleb(-minor_digits(currency))
    return {"kept": str(from_minor(int(kept_minor), currency)), "freed": str(least)}


def promised(sales: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
    """Units of each lot, by its id, that open sales have named and not sold yet."""
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for sale in sales:
        named = [(UUID(lot["lot_id"]), Decimal(lot["quantity"])) for lot in sale["lots"]]
        for lot, units in slice_of(named, start=Decimal(sale["filled"]), quantity=Decimal(sale["left"])):
            found[str(lot)] += units
    return dict(found)


def free_lots(lots: Iterable[Mapping[str, str]], named: Mapping[str, Decimal]) -> list[dict[str, str]]:
    """The lots without the units that are `named` by open sales, each with the part of its cost that stays."""
    found = []
    for lot in lots:
        held, cost = Decimal(lot["quantity"]), Decimal(lot["cost"])
        free = held - named.get(lot["id"], Decimal(0))
        if free > 0:
            part = cost if free == held else cost * free / held
            told = {"quantity": str(free), "cost": str(part)}
            found.append({**{name: lot[name] for name in ("symbol", "id", "opened_on")}, **told})
    return found


def within_objective(
    policy: Mapping[str, Any], *, most: float | None, least_cash: float | None, excluded: list[str]
) -> dict[str, Any]:
    """The policy with the limits of the portfolio's objective in it: the narrower of two limits counts, and the largest
    position is so for short ones too. An aim's explicit targets stay as they are written."""
    aims = {regime: _limited(aim, most, least_cash or 0.0) for regime, aim in policy["aims"].items()}
    return {**policy, "aims": aims, "excluded": sorted({*policy.get("excluded", ()), *excluded})}


def _limited(aim: Mapping[str, Any], most: float | None, least_cash: float) -> dict[str, Any]:
    limited = {**aim, "max_weight": min(aim["max_weight"], most) if most else aim["max_weight"]}
    if aim["objective"] == "target_weights":
        return limited
    limited["cash"] = max(aim["cash"], least_cash)
    if most and "min_weight" in aim:
        limited["min_weight"] = max(aim["min_weight"], -most)
    return limited
