"""The recount: proves that the stored books are what the transactions and entries say. It reads, and mends nothing.

Positions, lots and closures are folded again from the transactions; balances are added up again from the entries; every
transaction is looked up in the ledger; reservations are added up from the open orders, the payments under review and
the open short sales.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.portfolio.fold import Closure, Fold, FoldRefused
from lakehouse.portfolio.lots import Lot, LotMethod
from lakehouse.portfolio.transactions import from_units, to_units
from lakehouse.stores.books import rows
from lakehouse.stores.postgres import Transaction, rows_of

MOST_FINDINGS: Final = 1000
SNAPSHOT: Final[LiteralString] = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"

# Each check reads what is stored beside what it should be; `account_id` NULL means every account.
CHECKS: Final[Mapping[str, LiteralString]] = {
    "balance_is_sum_of_entries": """
        SELECT l.id::text AS object, coalesce(e.total, 0)::text AS expected, l.balance_minor::text AS found
        FROM ledger.account AS l
        LEFT JOIN LATERAL (
            SELECT sum(x.amount_minor) AS total FROM ledger.entry AS x WHERE x.ledger_account_id = l.id
        ) AS e ON true
        WHERE (%(account_id)s::uuid IS NULL OR l.account_id = %(account_id)s)
          AND l.balance_minor <> coalesce(e.total, 0)
        LIMIT %(most)s
    """,
    "transfer_sums_to_zero": """
        SELECT x.transfer_id::text AS object, '0' AS expected, sum(x.amount_minor)::text AS found
        FROM ledger.entry AS x
        WHERE %(account_id)s::uuid IS NULL OR x.transfer_id IN (
            SELECT y.transfer_id FROM ledger.entry AS y JOIN ledger.account AS l ON l.id = y.ledger_account_id
            WHERE l.account_id = %(account_id)s
        )
        GROUP BY x.transfer_id, x.currency HAVING sum(x.amount_minor) <> 0
        LIMIT %(most)s
    """,
    "cash_is_booked": """
        SELECT t.id::text AS object,
               (CASE WHEN t.reversed_at IS NULL THEN leg.minor ELSE 0 END)::text AS expected,
               coalesce(b.total, 0)::text AS found
        FROM app.transaction AS t
        CROSS JOIN LATERAL (
            SELECT t.currency, t.cash_minor AS minor
            UNION ALL SELECT t.to_currency, t.to_minor WHERE t.to_currency IS NOT NULL
        ) AS leg
        LEFT JOIN LATERAL (
            SELECT sum(e.amount_minor) AS total
            FROM ledger.transfer AS f
            JOIN ledger.entry AS e ON e.transfer_id = f.id
            JOIN ledger.account AS l ON l.id = e.ledger_account_id
            WHERE f.source_id = t.id AND f.kind IN (t.kind, 'reversal')
              AND l.account_id = t.account_id AND l.purpose = 'cash' AND l.currency = leg.currency
        ) AS b ON true
        WHERE (%(account_id)s::uuid IS NULL OR t.account_id = %(account_id)s)
          AND coalesce(b.total, 0) <> CASE WHEN t.reversed_at IS NULL THEN leg.minor ELSE 0 END
        LIMIT %(most)s
    """,
    "cash_reserved": """
        SELECT l.id::text AS object, coalesce(o.total, 0)::text AS expected, l.reserved_minor::text AS found
        FROM ledger.account AS l
        LEFT JOIN (
            SELECT r.account_id, r.currency, sum(r.minor) AS total
            FROM (
                SELECT q.account_id, q.currency, q.reserved_minor AS minor FROM trading.order AS q
                WHERE q.reserved_minor > 0
                UNION ALL
                SELECT p.from_account_id, p.currency, p.amount_minor FROM app.payment AS p
                WHERE p.status = 'held_for_review'
                UNION ALL
                SELECT s.account_id, s.currency, s.collateral_minor FROM app.short_sale AS s
            ) AS r
            GROUP BY r.account_id, r.currency
        ) AS o ON o.account_id = l.account_id AND o.currency = l.currency
        WHERE l.purpose = 'cash' AND (%(account_id)s::uuid IS NULL OR l.account_id = %(account_id)s)
          AND l.reserved_minor <> coalesce(o.total, 0)
        LIMIT %(most)s
    """,
    "units_reserved_for_orders": """
        SELECT x.portfolio_id::text || ' ' || x.symbol AS object, coalesce(o.total, 0)::text AS expected,
               x.reserved_quantity::text AS found
        FROM app.position AS x
        JOIN app.portfolio AS p ON p.id = x.portfolio_id
        LEFT JOIN (
            SELECT r.portfolio_id, r.symbol,
                   sum(CASE r.side WHEN 'sell' THEN r.reserved_quantity ELSE -r.reserved_quantity END) AS total
            FROM trading.order AS r WHERE r.reserved_quantity > 0 GROUP BY r.portfolio_id, r.symbol
        ) AS o ON o.portfolio_id = x.portfolio_id AND o.symbol = x.symbol
        WHERE (%(account_id)s::uuid IS NULL OR p.account_id = %(account_id)s)
          AND x.reserved_quantity <> coalesce(o.total, 0)
        LIMIT %(most)s
    """,
}


PORTFOLIOS: Final[LiteralString] = """
    SELECT p.id AS portfolio_id, p.account_id, a.lot_method, a.allows_short
    FROM app.portfolio AS p JOIN app.account AS a ON a.id = p.account_id
    WHERE %(portfolio_id)s::uuid IS NULL OR p.id = %(portfolio_id)s
    ORDER BY p.id
"""
POSITIONS: Final[LiteralString] = """
    SELECT x.symbol, x.quantity FROM app.position AS x WHERE x.portfolio_id = %(portfolio_id)s
"""
LOTS: Final[LiteralString] = """
    SELECT l.symbol, l.id, l.opened_by, l.original_quantity, l.quantity, l.cost_minor, l.currency
    FROM app.lot AS l WHERE l.portfolio_id = %(portfolio_id)s
"""
CLOSURES: Final[LiteralString] = """
    SELECT c.symbol, c.closed_by, c.lot_id, c.quantity, c.cost_minor, c.cost_currency, c.proceeds_minor,
           c.proceeds_currency
    FROM app.lot_closure AS c WHERE c.portfolio_id = %(portfolio_id)s
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something stored that is not what it should be. `portfolio_id` is None where the ledger itself is concerned."""

    check: str
    portfolio_id: UUID | None
    object: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Recount:
    """What was counted again, and what did not agree; at most MOST_FINDINGS a check are told."""

    portfolios: int
    transactions: int
    findings: tuple[Finding, ...]

    @property
    def is_clean(self) -> bool:
        """Whether everything agreed."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class Counted:
    """A portfolio to count."""

    portfolio_id: UUID
    account_id: UUID
    lot_method: str
    allows_short: bool


@dataclass(frozen=True, slots=True)
class _Difference:
    object: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class _Position:
    symbol: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class _Lot:
    symbol: str
    id: UUID
    opened_by: UUID
    original_quantity: Decimal
    quantity: Decimal
    cost_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class _Closure:
    symbol: str
    closed_by: UUID
    lot_id: UUID
    quantity: Decimal
    cost_minor: int
    cost_currency: str
    proceeds_minor: int
    proceeds_currency: str


async def recount(connection: Transaction, *, portfolio_id: UUID | None = None) -> Recount:
    """Count one portfolio and its account again, or everything. `connection` is in a transaction whose snapshot does
    not move (SNAPSHOT), or whose account is locked."""
    counted = await rows_of(connection, PORTFOLIOS, {"portfolio_id": portfolio_id}, Counted)
    account_id = counted[0].account_id if portfolio_id is not None and counted else None
    findings = await _ledger(connection, account_id, portfolio_id)
    transactions = 0
    for each in counted:
        folded, differences = await _fold(connection, each)
        transactions += folded
        findings.extend(differences[:MOST_FINDINGS])
    return Recount(len(counted), transactions, tuple(findings))


async def _ledger(connection: Transaction, account_id: UUID | None, portfolio_id: UUID | None) -> list[Finding]:
    names = {"account_id": account_id, "most": MOST_FINDINGS}
    return [
        Finding(check, portfolio_id, each.object, each.expected, each.found)
        for check, statement in CHECKS.items()
        for each in await rows_of(connection, statement, names, _Difference)
    ]


async def _fold(connection: Transaction, counted: Counted) -> tuple[int, list[Finding]]:
    facts = await rows.facts(connection, counted.portfolio_id, None)
    fold = Fold(LotMethod(counted.lot_method), allows_short=counted.allows_short)
    try:
        fold.apply_all(facts)
    except FoldRefused as refused:
        told = Finding("transactions_fold", counted.portfolio_id, str(refused.transaction_id), "folds", refused.detail)
        return len(facts), [told]
    names = {"portfolio_id": counted.portfolio_id}
    positions = {
        each.symbol: to_units(each.quantity) for each in await rows_of(connection, POSITIONS, names, _Position)
    }
    lots = {_stored_lot(each) for each in await rows_of(connection, LOTS, names, _Lot)}
    closures = {_stored_closure(each) for each in await rows_of(connection, CLOSURES, names, _Closure)}
    findings = [
        Finding(
            "position_is_fold", counted.portfolio_id, symbol, _text(fold.units(symbol)), _text(positions.get(symbol, 0))
        )
        for symbol in sorted(fold.symbols | positions.keys())
        if fold.units(symbol) != positions.get(symbol, 0)
    ]
    wanted = {_lot(symbol, lot) for symbol in fold.symbols for lot in fold.lots(symbol)}
    findings += _differences("lots_are_fold", counted.portfolio_id, wanted, lots)
    closed = {_closure(each) for each in fold.closures}
    findings += _differences("closures_are_fold", counted.portfolio_id, closed, closures)
    return len(facts), findings


Values = tuple[str, ...]


def _differences(check: str, portfolio_id: UUID, wanted: set[Values], stored: set[Values]) -> list[Finding]:
    """By the first two values, the key: what is wanted and what is stored under it."""
    missing = {each[:2]: each for each in wanted - stored}
    extra = {each[:2]: each for each in stored - wanted}
    return [
        Finding(check, portfolio_id, " ".join(key), _line(missing.get(key)), _line(extra.get(key)))
        for key in sorted(missing.keys() | extra.keys())
    ]


def _line(values: Sequence[str] | None) -> str:
    return "nothing" if values is None else " ".join(values[2:])


def _text(units: int) -> str:
    return f"{from_units(units):f}"


def _lot(symbol: str, lot: Lot) -> Values:
    units = (_text(lot.original_units), _text(lot.units))
    return (symbol, str(lot.id), str(lot.opened_by), *units, str(lot.cost_minor), lot.currency)


def _stored_lot(row: _Lot) -> Values:
    units = (_text(to_units(row.original_quantity)), _text(to_units(row.quantity)))
    return (row.symbol, str(row.id), str(row.opened_by), *units, str(row.cost_minor), row.currency)


def _closure(closure: Closure) -> Values:
    money = (str(closure.cost_minor), closure.cost_currency, str(closure.proceeds_minor), closure.proceeds_currency)
    return (closure.symbol, f"{closure.closed_by} {closure.lot_id}", _text(closure.units), *money)


def _stored_closure(row: _Closure) -> Values:
    money = (str(row.cost_minor), row.cost_currency, str(row.proceeds_minor), row.proceeds_currency)
    return (row.symbol, f"{row.closed_by} {row.lot_id}", _text(to_units(row.quantity)), *money)
