"""Lots, closures and positions in PostgreSQL, folded on from what is stored, or from the first transaction again.

Spin-offs tie symbols together: what is folded from the start is a symbol with all those tied to it.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString, Protocol
from uuid import UUID

from lakehouse.portfolio.fold import Closure, Fact, Fold, FoldRefused
from lakehouse.portfolio.lots import Lot, LotMethod
from lakehouse.portfolio.transactions import from_units, to_units
from lakehouse.stores.books import rows
from lakehouse.stores.postgres import Transaction, rows_of

MANY: Final = 2000

LATEST: Final[LiteralString] = """
    SELECT s.symbol, t.occurred_at, t.id
    FROM unnest(%(symbols)s::text[]) AS s (symbol)
    CROSS JOIN LATERAL (
        SELECT x.occurred_at, x.id FROM app.transaction AS x
        WHERE x.portfolio_id = %(portfolio_id)s AND x.symbol = s.symbol AND x.reversed_at IS NULL
          AND x.kind = ANY(%(kinds)s)
        ORDER BY x.occurred_at DESC, x.id DESC LIMIT 1
    ) AS t
    UNION ALL
    SELECT r.related_symbol, r.occurred_at, r.id FROM app.transaction AS r
    WHERE r.portfolio_id = %(portfolio_id)s AND r.related_symbol = ANY(%(symbols)s) AND r.reversed_at IS NULL
"""
TIES: Final[LiteralString] = """
    SELECT t.symbol, t.related_symbol FROM app.transaction AS t
    WHERE t.portfolio_id = %(portfolio_id)s AND t.related_symbol IS NOT NULL AND t.reversed_at IS NULL
"""
LOTS: Final[LiteralString] = """
    SELECT l.symbol, l.id, l.opened_by, l.opened_at, l.original_quantity, l.quantity, l.cost_minor, l.currency
    FROM app.lot AS l WHERE l.portfolio_id = %(portfolio_id)s AND l.symbol = ANY(%(symbols)s)
"""
EVERY_SYMBOL: Final[LiteralString] = """
    SELECT x.symbol FROM app.position AS x WHERE x.portfolio_id = %(portfolio_id)s
    UNION SELECT l.symbol FROM app.lot AS l WHERE l.portfolio_id = %(portfolio_id)s
    UNION SELECT c.symbol FROM app.lot_closure AS c WHERE c.portfolio_id = %(portfolio_id)s
"""
DROP_LOTS: Final[LiteralString] = """
    DELETE FROM app.lot WHERE portfolio_id = %(portfolio_id)s AND symbol = ANY(%(symbols)s)
"""
DROP_SOME_LOTS: Final[LiteralString] = """
    DELETE FROM app.lot WHERE portfolio_id = %(portfolio_id)s AND symbol = ANY(%(symbols)s) AND id = ANY(%(ids)s)
"""
DROP_CLOSURES: Final[LiteralString] = """
    DELETE FROM app.lot_closure WHERE portfolio_id = %(portfolio_id)s AND symbol = ANY(%(symbols)s)
"""
COPY_LOTS: Final[LiteralString] = """
    COPY app.lot (
        portfolio_id, symbol, id, opened_by, opened_at, original_quantity, quantity, cost_minor, currency
    ) FROM STDIN
"""
COPY_CLOSURES: Final[LiteralString] = """
    COPY app.lot_closure (
        portfolio_id, symbol, closed_by, lot_id, opened_at, closed_at, quantity, cost_minor, cost_currency,
        proceeds_minor, proceeds_currency
    ) FROM STDIN
"""
# A position that goes keeps its reservation to the end, so that the constraint can refuse what it does not cover.
SET_POSITIONS: Final[LiteralString] = """
    INSERT INTO app.position AS p (portfolio_id, symbol, quantity, updated_at)
    SELECT %(portfolio_id)s, x.symbol, x.quantity, %(now)s
    FROM unnest(%(symbols)s::text[], %(quantities)s::numeric[]) AS x (symbol, quantity)
    ORDER BY x.symbol
    ON CONFLICT (portfolio_id, symbol) DO UPDATE
    SET quantity = EXCLUDED.quantity, updated_at = EXCLUDED.updated_at, version = p.version + 1
    WHERE p.quantity <> EXCLUDED.quantity
"""
DROP_POSITIONS: Final[LiteralString] = """
    DELETE FROM app.position
    WHERE portfolio_id = %(portfolio_id)s AND symbol = ANY(%(symbols)s) AND reserved_quantity = 0
"""
UNCOVER_POSITIONS: Final[LiteralString] = """
    UPDATE app.position SET quantity = -quantity
    WHERE portfolio_id = %(portfolio_id)s AND symbol = ANY(%(symbols)s)
"""

Place = tuple[datetime, UUID]
Shape = tuple[int, int, int]


class Rules(Protocol):
    """What the fold needs to know of an opened portfolio."""

    @property
    def portfolio_id(self) -> UUID: ...
    @property
    def lot_method(self) -> str: ...
    @property
    def allows_short(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Folded:
    """A fold that is not stored yet: `whole` symbols were folded from the start, `stored` are the lots of the others
    as they are in the store."""

    fold: Fold
    symbols: frozenset[str]
    whole: frozenset[str]
    stored: dict[str, dict[UUID, Shape]]


@dataclass(frozen=True, slots=True)
class _Latest:
    symbol: str
    occurred_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class _Tie:
    symbol: str
    related_symbol: str


@dataclass(frozen=True, slots=True)
class _Symbol:
    symbol: str


@dataclass(frozen=True, slots=True)
class _LotRow:
    symbol: str
    id: UUID
    opened_by: UUID
    opened_at: datetime
    original_quantity: Decimal
    quantity: Decimal
    cost_minor: int
    currency: str

    def lot(self) -> Lot:
        return Lot(
            self.id,
            self.opened_by,
            self.opened_at,
            to_units(self.original_quantity),
            to_units(self.quantity),
            self.cost_minor,
            self.currency,
        )


async def extend(connection: Transaction, rules: Rules, facts: Sequence[Fact]) -> Folded:
    """Fold new facts, which are not stored yet. Raises FoldRefused."""
    folded, earlier = await _start(connection, rules, facts)
    await _apply(folded.fold, [*earlier, *facts])
    return folded


async def refused(connection: Transaction, rules: Rules, facts: Sequence[Fact]) -> list[FoldRefused]:
    """The refusals that folding `facts` meets, each refused fact left out."""
    folded, earlier = await _start(connection, rules, facts)
    found: list[FoldRefused] = []
    for fact in sorted([*earlier, *facts], key=lambda fact: fact.place):
        try:
            folded.fold.apply(fact)
        except FoldRefused as refusal:
            found.append(refusal)
    return found


async def whole(connection: Transaction, rules: Rules, symbols: Collection[str] | None) -> Folded:
    """Fold these symbols, or all, from the first transaction that is stored and counts. Raises FoldRefused."""
    names = {"portfolio_id": rules.portfolio_id}
    if symbols is None:
        facts = await rows.facts(connection, rules.portfolio_id, None)
        known = {each.symbol for each in await rows_of(connection, EVERY_SYMBOL, names, _Symbol)}
        tied = frozenset(known.union(_touched(facts)))
    else:
        tied = await _tied(connection, rules.portfolio_id, symbols, ())
        facts = await rows.facts(connection, rules.portfolio_id, sorted(tied))
    fold = Fold(LotMethod(rules.lot_method), allows_short=rules.allows_short)
    await _apply(fold, facts)
    return Folded(fold, tied, tied, {})


async def store(connection: Transaction, portfolio_id: UUID, folded: Folded, now: datetime) -> None:
    """Make the stored lots, closures and positions those of the fold.

    Raises IntegrityError (position_reserved_covered) where open orders have reserved more than is left.
    """
    if not folded.symbols:
        return
    if folded.whole:
        names = {"portfolio_id": portfolio_id, "symbols": sorted(folded.whole)}
        await connection.execute(DROP_LOTS, names)
        await connection.execute(DROP_CLOSURES, names)
    await _store_lots(connection, portfolio_id, folded)
    await _copy(connection, COPY_CLOSURES, (_closure_row(portfolio_id, each) for each in folded.fold.closures))
    await _store_positions(connection, portfolio_id, folded, now)


async def _apply(fold: Fold, facts: Sequence[Fact]) -> None:
    """A long fold runs beside the event loop, so that it holds up nobody."""
    if len(facts) > MANY:
        await asyncio.to_thread(fold.apply_all, facts)
    else:
        fold.apply_all(facts)


async def _start(connection: Transaction, rules: Rules, facts: Sequence[Fact]) -> tuple[Folded, list[Fact]]:
    """A fold that has the stored lots of the symbols that `facts` go on with, and the stored facts of the others."""
    symbols = _touched(facts)
    names = {"portfolio_id": rules.portfolio_id, "symbols": sorted(symbols), "kinds": rows.FOLDING_KINDS}
    fold = Fold(LotMethod(rules.lot_method), allows_short=rules.allows_short)
    if not symbols:
        return Folded(fold, frozenset(), frozenset(), {}), []
    late = _late(facts, await rows_of(connection, LATEST, names, _Latest))
    again = await _tied(connection, rules.portfolio_id, late, facts) if late else frozenset()
    fresh = symbols - again
    stored = await _restore(connection, rules.portfolio_id, fold, fresh)
    earlier = await rows.facts(connection, rules.portfolio_id, sorted(again)) if again else []
    return Folded(fold, frozenset(symbols | again), again, stored), earlier


async def _restore(
    connection: Transaction, portfolio_id: UUID, fold: Fold, symbols: Collection[str]
) -> dict[str, dict[UUID, Shape]]:
    if not symbols:
        return {}
    names = {"portfolio_id": portfolio_id, "symbols": sorted(symbols)}
    lots: dict[str, list[Lot]] = {symbol: [] for symbol in symbols}
    for row in await rows_of(connection, LOTS, names, _LotRow):
        lots[row.symbol].append(row.lot())
    stored = {symbol: {lot.id: _shape(lot) for lot in found} for symbol, found in lots.items()}
    for symbol, found in lots.items():
        fold.restore(symbol, found)
    return stored


async def _tied(
    connection: Transaction, portfolio_id: UUID, symbols: Collection[str], facts: Sequence[Fact]
) -> frozenset[str]:
    """`symbols` and every one that a chain of spin-offs, stored or new, leads to or from."""
    stored = await rows_of(connection, TIES, {"portfolio_id": portfolio_id}, _Tie)
    ties = [(tie.symbol, tie.related_symbol) for tie in stored]
    ties += [(fact.symbol, fact.related_symbol) for fact in facts if fact.related_symbol is not None]
    found, size = set(symbols), -1
    while size != len(found):
        size = len(found)
        for tie in ties:
            if not found.isdisjoint(tie):
                found.update(tie)
    return frozenset(found)


def _touched(facts: Iterable[Fact]) -> set[str]:
    return {symbol for fact in facts for symbol in (fact.symbol, fact.related_symbol) if symbol is not None}


def _late(facts: Iterable[Fact], latest: Iterable[_Latest]) -> set[str]:
    """Symbols with a new fact before one that is stored."""
    places: dict[str, Place] = {}
    for each in latest:
        place = (each.occurred_at, each.id)
        places[each.symbol] = max(place, places.get(each.symbol, place))
    return {
        symbol
        for fact in facts
        for symbol in (fact.symbol, fact.related_symbol)
        if symbol in places and fact.place < places[symbol]
    }


async def _store_lots(connection: Transaction, portfolio_id: UUID, folded: Folded) -> None:
    gone: list[UUID] = []
    changed: list[tuple[object, ...]] = []
    for symbol in sorted(folded.symbols):
        before = folded.stored.get(symbol, {})
        now = {lot.id: lot for lot in folded.fold.lots(symbol)}
        gone.extend(each for each, shape in before.items() if each not in now or _shape(now[each]) != shape)
        changed.extend(_lot_row(portfolio_id, symbol, lot) for lot in now.values() if before.get(lot.id) != _shape(lot))
    if gone:
        names = {"portfolio_id": portfolio_id, "symbols": sorted(folded.stored), "ids": gone}
        await connection.execute(DROP_SOME_LOTS, names)
    await _copy(connection, COPY_LOTS, changed)


async def _store_positions(connection: Transaction, portfolio_id: UUID, folded: Folded, now: datetime) -> None:
    units = {symbol: folded.fold.units(symbol) for symbol in sorted(folded.symbols)}
    held = {symbol: from_units(found) for symbol, found in units.items() if found}
    empty = [symbol for symbol, found in units.items() if not found]
    if held:
        names = {"portfolio_id": portfolio_id, "now": now, "symbols": list(held), "quantities": list(held.values())}
        await connection.execute(SET_POSITIONS, names)
    if empty:
        names = {"portfolio_id": portfolio_id, "symbols": empty}
        await connection.execute(DROP_POSITIONS, names)
        # What is still there has reservations: nothing covers them now, and the constraint says which rule that is.
        await connection.execute(UNCOVER_POSITIONS, names)


async def _copy(connection: Transaction, statement: LiteralString, given: Iterable[tuple[object, ...]]) -> None:
    written = list(given)
    if not written:
        return
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in written:
            await copy.write_row(row)


def _shape(lot: Lot) -> Shape:
    return (lot.original_units, lot.units, lot.cost_minor)


def _lot_row(portfolio_id: UUID, symbol: str, lot: Lot) -> tuple[object, ...]:
    return (
        portfolio_id,
        symbol,
        lot.id,
        lot.opened_by,
        lot.opened_at,
        from_units(lot.original_units),
        from_units(lot.units),
        lot.cost_minor,
        lot.currency,
    )


def _closure_row(portfolio_id: UUID, closure: Closure) -> tuple[object, ...]:
    return (
        portfolio_id,
        closure.symbol,
        closure.closed_by,
        closure.lot_id,
        closure.opened_at,
        closure.closed_at,
        from_units(closure.units),
        closure.cost_minor,
        closure.cost_currency,
        closure.proceeds_minor,
        closure.proceeds_currency,
    )
