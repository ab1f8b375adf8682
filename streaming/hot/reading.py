"""What the books, rules and orders are now, read as the maps of a sight."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.stores import alerting, hot_book
from lakehouse.stores.books.history import Fetch
from lakehouse.stores.postgres import Transaction, rows_of
from streaming.hot import rules
from streaming.hot.booking import open_orders
from streaming.hot.changes import (
    BY_PORTFOLIO,
    CASH,
    FLOWS,
    MARKS,
    ORDERS,
    PORTFOLIOS,
    RATES,
    RULES,
    SYMBOLS,
    UNITS,
    UNKNOWN_CASH,
    Change,
    Sight,
    Values,
    difference,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What to read again: these portfolios or accounts, and these rules; None: all."""

    portfolios: frozenset[UUID] | None = None
    rules: frozenset[UUID] | None = None


async def changes(connection: Transaction, seen: Sight, asked: Asked, *, clock: Clock) -> Change:
    """How PostgreSQL differs from what was `seen`, of what is asked for."""
    read: dict[str, Values] = {}
    covered: dict[str, Iterable[str]] = {}
    if asked.portfolios is None or asked.portfolios:
        books = await _books(connection, asked.portfolios, clock=clock)
        read |= books
        if asked.portfolios is not None:
            ids = {str(each) for each in asked.portfolios} | set(books[PORTFOLIOS])
            covered |= dict.fromkeys(BY_PORTFOLIO, ids) | {RATES: books[RATES]}
    if asked.rules is None or asked.rules:
        read[RULES] = await _rules(connection, seen, asked.rules)
        if asked.rules is not None:
            covered[RULES] = [str(each) for each in asked.rules]
    return difference(seen, read, covered)


async def marks(connection: Transaction) -> Change:
    """The prices that are known before the first tick."""
    found = await hot_book.marks(connection)
    return {MARKS: {row.symbol: [row.at_us, row.bid, row.ask, row.mark] for row in found}} if found else {}


async def _books(connection: Transaction, portfolios: frozenset[UUID] | None, *, clock: Clock) -> dict[str, Values]:
    asked = None if portfolios is None else sorted(portfolios)
    async with connection.transaction():
        held = await hot_book.held(connection, asked, clock.now().date())
        named = None if asked is None else [UUID(each) for each in held.portfolios]
        orders = await open_orders(connection, named)
    cash = {key: UNKNOWN_CASH if found is None else found for key, found in held.cash.items()}
    return {
        SYMBOLS: held.instruments,
        PORTFOLIOS: held.portfolios,
        UNITS: held.units,
        CASH: cash,
        FLOWS: held.flows,
        RATES: held.rates,
        ORDERS: _by_portfolio(orders),
    }


def _by_portfolio(orders: Sequence[Mapping[str, object]]) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for order in orders:
        found.setdefault(str(order["portfolio_id"]), {})[str(order["id"])] = order
    return found


async def _rules(connection: Transaction, seen: Sight, ids: frozenset[UUID] | None) -> dict[str, object]:
    fetch: Fetch = partial(rows_of, connection)
    stored = await alerting.rules_of(fetch, None if ids is None else sorted(ids))
    known = seen[RULES]
    return {str(each.id): rules.to_json(each, known.get(str(each.id))) for each in stored}
