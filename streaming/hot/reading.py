"""What the books, rules and orders are now, read as the maps of a sight."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from lakehouse.alerting.rules import Kind
from lakehouse.clock import Clock, epoch_us
from lakehouse.contracts.topics import TICKS
from lakehouse.stores import alerting, hot_book, hot_scenarios
from lakehouse.stores.books import open_orders
from lakehouse.stores.books.history import Fetch
from lakehouse.stores.postgres import Transaction, rows_of
from streaming.hot import booking, rules
from streaming.hot.changes import (
    BY_PORTFOLIO,
    CASH,
    FLOWS,
    HALTS,
    MARKS,
    ORDERS,
    PORTFOLIOS,
    RATES,
    RETURNS,
    RULES,
    SYMBOLS,
    UNITS,
    UNKNOWN_CASH,
    Change,
    Sight,
    Values,
    difference,
)
from streaming.hot.watched import returns_to_text

LIFTED_KEPT: Final = timedelta(milliseconds=TICKS.retention_ms)
"""What was lifted before is of no tick that the broker still has."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to read again: these portfolios or accounts, and these rules; None: all. And for whom trading is stopped."""

    portfolios: frozenset[UUID] | None = None
    rules: frozenset[UUID] | None = None
    halts: bool = True


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
    if asked.halts:
        halted = await open_orders.halted(connection, clock.now() - LIFTED_KEPT)
        read[HALTS] = {whom: True if until is None else epoch_us(until) for whom, until in halted.items()}
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
        orders = await booking.open_orders(connection, named)
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
    """These rules, or all; of all, only those that are not known as they are become objects anew."""
    fetch: Fetch = partial(rows_of, connection)
    known = seen[RULES]
    if ids is not None:
        return await _read_rules(fetch, known, ids)
    stored = await alerting.versions_of(fetch)
    held = {each.id: known[each.id] for each in stored if rules.is_state(known.get(each.id), each)}
    return held | await _read_rules(fetch, known, [UUID(each.id) for each in stored if each.id not in held])


async def _read_rules(fetch: Fetch, known: Values, ids: Collection[UUID]) -> dict[str, object]:
    stored = await alerting.rules_of(fetch, sorted(ids)) if ids else []
    return {str(each.id): rules.to_json(each, known.get(str(each.id))) for each in stored}


def with_live_var(seen: Sight) -> frozenset[str]:
    """The symbols held by portfolios of which a rule watches the live value at risk."""
    stored = [found for found in seen[RULES].values() if isinstance(found, dict)]
    owners = {found["portfolio_id"] for found in stored if found["kind"] == Kind.VAR_LIVE}
    held = (seen[UNITS].get(owner) for owner in owners)
    return frozenset(name for units in held if isinstance(units, dict) for name in units)


async def scenarios(connection: Transaction, seen: Sight, symbols: frozenset[str]) -> Change:
    """How the past returns of these symbols differ from what was seen."""
    found = await hot_scenarios.past_returns(connection, sorted(symbols)) if symbols else {}
    return difference(seen, {RETURNS: {name: returns_to_text(returns) for name, returns in found.items()}}, {})
