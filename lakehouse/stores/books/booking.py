"""Bookings: transactions with their entries in the ledger, their lots and positions, in the caller's transaction.

A booking in time order goes on from the stored lots; a backdated one folds its symbol, and those that spin-offs tie to
it, from the start (`refold`). Either way the stored lots are the fold of the transactions: `recount` proves it.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.domain.currency import CurrencyError, minor_digits
from lakehouse.domain.ids import uuid7
from lakehouse.errors import TidemarkError
from lakehouse.portfolio import transactions
from lakehouse.portfolio.fold import Fact, FoldRefused
from lakehouse.portfolio.transactions import FOLDING, Draft, DraftRefused, Kind
from lakehouse.stores.books import announcing, collateral, ledger, refold, rows
from lakehouse.stores.books.ledger import Line, Transfer
from lakehouse.stores.postgres import Transaction, rows_of
from lakehouse.trading.settlement import settles_on

MANY: Final = 1000
MANY_TIMEOUT: Final[LiteralString] = "SET LOCAL statement_timeout = '60s'"
CLOCK_SKEW: Final = timedelta(days=1)
EARLIEST_YEAR: Final = 1900

OPEN: Final[LiteralString] = """
    SELECT p.id AS portfolio_id, a.id AS account_id, p.owner_id, p.base_currency, a.lot_method, a.allows_short,
           a.status = 'open' AS is_open
    FROM app.portfolio AS p JOIN app.account AS a ON a.id = p.account_id
    WHERE p.id = ANY(%(portfolio_ids)s) AND p.owner_id = %(owner_id)s
    ORDER BY a.id
    FOR NO KEY UPDATE OF a
"""
INSTRUMENTS: Final[LiteralString] = """
    SELECT i.symbol, i.currency, i.multiplier, i.exchange FROM app.instrument AS i WHERE i.symbol = ANY(%(symbols)s)
"""
REVERSE: Final[LiteralString] = """
    UPDATE app.transaction SET reversed_at = %(now)s, version = version + 1
    WHERE id = %(id)s AND portfolio_id = %(portfolio_id)s AND reversed_at IS NULL
    RETURNING id, kind, symbol, related_symbol, source, occurred_at
"""


class BookingRefused(TidemarkError):
    """A draft that the books refuse: `index` is its place among the drafts, `rule` names the rule."""

    def __init__(self, rule: str, index: int, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule
        self.index = index
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Books:
    """An opened portfolio: its account's row is locked until the transaction ends."""

    portfolio_id: UUID
    account_id: UUID
    owner_id: UUID
    base_currency: str
    lot_method: str
    allows_short: bool
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class _Instrument:
    symbol: str
    currency: str
    multiplier: Decimal
    exchange: str


@dataclass(frozen=True, slots=True)
class _Reversed:
    id: UUID
    kind: str
    symbol: str | None
    related_symbol: str | None
    source: str
    occurred_at: datetime


async def open_books(connection: Transaction, portfolio_id: UUID, *, owner_id: UUID) -> Books | None:
    """The books of a portfolio, locked until the transaction ends; None where it is not `owner_id`'s."""
    return (await open_many(connection, [portfolio_id], owner_id=owner_id)).get(portfolio_id)


async def open_many(connection: Transaction, portfolio_ids: Collection[UUID], *, owner_id: UUID) -> dict[UUID, Books]:
    """The books of those portfolios that are `owner_id`'s, locked in the order of their accounts' ids."""
    names = {"portfolio_ids": list(portfolio_ids), "owner_id": owner_id}
    return {books.portfolio_id: books for books in await rows_of(connection, OPEN, names, Books)}


async def book(connection: Transaction, books: Books, drafts: Sequence[Draft], *, clock: Clock) -> list[UUID]:
    """Book the drafts, all or none, and return their transactions' ids in the same order.

    Drafts of one instant are folded in the order in which they are given. Raises BookingRefused at the first draft
    that is refused, and IntegrityError where a constraint is broken (no_overdraft, external_unique and so on). After
    either nothing of it may be committed: raise on, or use a savepoint.
    """
    if not drafts:
        return []
    prepared = await _prepared(connection, books, drafts, clock)
    for each in prepared:
        if isinstance(each, BookingRefused):
            raise each
    found = [each for each in prepared if isinstance(each, rows.Booked)]
    if len(found) > MANY:
        await connection.execute(MANY_TIMEOUT)
    facts = [each.fact for each in found if each.fact is not None]
    try:
        folded = await refold.extend(connection, books, facts)
    except FoldRefused as refused:
        raise _refusal(refused, found) from refused
    await rows.write_transactions(connection, books.portfolio_id, books.account_id, found, clock.now())
    async with _covered(connection, books, is_folding=bool(facts)):
        await _post(connection, books, found, clock)
        await refold.store(connection, books.portfolio_id, folded, clock.now())
    await announcing.booked(connection, books.portfolio_id, books.owner_id, found, clock)
    return [each.id for each in found]


async def refusals(
    connection: Transaction, books: Books, drafts: Sequence[Draft], *, clock: Clock
) -> dict[int, BookingRefused]:
    """Why which draft would be refused, by its place; the others are taken as booked. Writes nothing.

    Cash is not looked at: constraints decide about it when the drafts are booked.
    """
    prepared = await _prepared(connection, books, drafts, clock)
    refused = {index: each for index, each in enumerate(prepared) if isinstance(each, BookingRefused)}
    found = [each for each in prepared if isinstance(each, rows.Booked)]
    places = {each.id: index for index, each in enumerate(prepared) if isinstance(each, rows.Booked)}
    facts = [each.fact for each in found if each.fact is not None]
    for each in await refold.refused(connection, books, facts):
        index = places.get(each.transaction_id)
        if index is not None:
            refused[index] = BookingRefused(each.rule, index, each.detail)
    return refused


async def reverse(connection: Transaction, books: Books, transaction_id: UUID, *, clock: Clock) -> UUID:
    """Undo a transaction: it stays, marked, the opposite transfer is booked, and its lots are folded without it.

    Returns the id of the reversing transfer, or the transaction's own where no cash had moved. Raises BookingRefused
    (not_found, made_by_an_order, made_by_a_payment, short_collateral, or what later transactions need of it) and
    IntegrityError.
    """
    names = {"id": transaction_id, "portfolio_id": books.portfolio_id, "now": clock.now()}
    changed = await rows_of(connection, REVERSE, names, _Reversed)
    if not changed:
        raise BookingRefused("not_found", 0, f"There is no transaction {transaction_id} that still counts.")
    row = changed[0]
    if row.source in ("fill", "payment"):
        maker = "an order" if row.source == "fill" else "a payment"
        detail = f"It was made by {maker}: a transaction of your own in the other direction evens it out."
        raise BookingRefused(f"made_by_{'an_order' if row.source == 'fill' else 'a_payment'}", 0, detail)
    async with _covered(connection, books, is_folding=row.kind in FOLDING):
        await _unfold(connection, books, row, clock)
        undone = await ledger.reverse_transfer(
            connection, kind=row.kind, source_id=transaction_id, effective_at=clock.now(), clock=clock
        )
    await announcing.reversed_one(connection, books.portfolio_id, books.owner_id, transaction_id, clock)
    return undone or transaction_id


async def _unfold(connection: Transaction, books: Books, row: _Reversed, clock: Clock) -> None:
    if row.kind not in FOLDING:
        return
    try:
        symbols = {symbol for symbol in (row.symbol, row.related_symbol) if symbol is not None}
        folded = await refold.whole(connection, books, symbols)
        await refold.store(connection, books.portfolio_id, folded, clock.now())
    except FoldRefused as refused:
        detail = f"Transaction {refused.transaction_id} needs it. {refused.detail} Reverse that one first."
        raise BookingRefused("needed_by_a_later_one", 0, detail) from refused


@asynccontextmanager
async def _covered(connection: Transaction, books: Books, *, is_folding: bool) -> AsyncIterator[None]:
    """What short sales keep back is free for the block, which moves money and lots, and kept back after it."""
    if not (is_folding and books.allows_short):
        yield
        return
    named = {"account_id": books.account_id, "portfolio_id": books.portfolio_id}
    await collateral.lift(connection, **named)
    yield
    try:
        await collateral.lay(connection, **named)
    except collateral.CollateralMissing as refused:
        raise BookingRefused(refused.rule, 0, str(refused)) from refused


async def refold_all(connection: Transaction, books: Books, *, clock: Clock) -> None:
    """Fold every symbol again: for a change of the account's lot method. Raises BookingRefused where the
    transactions do not allow it."""
    try:
        folded = await refold.whole(connection, books, None)
    except FoldRefused as refused:
        raise BookingRefused(refused.rule, 0, refused.detail) from refused
    async with _covered(connection, books, is_folding=True):
        await refold.store(connection, books.portfolio_id, folded, clock.now())


async def _prepared(
    connection: Transaction, books: Books, drafts: Sequence[Draft], clock: Clock
) -> list[rows.Booked | BookingRefused]:
    """Each draft with its id and amounts, or why it is refused for itself."""
    symbols = {symbol for draft in drafts for symbol in (draft.symbol, draft.related_symbol) if symbol is not None}
    instruments = {
        each.symbol: each for each in await rows_of(connection, INSTRUMENTS, {"symbols": sorted(symbols)}, _Instrument)
    }
    # A large booking computes, and a calendar is read, beside the event loop, so that they hold up nobody.
    if len(drafts) > MANY or any(_needs_calendar(draft) for draft in drafts):
        return await asyncio.to_thread(_judged, books, drafts, instruments, clock)
    return _judged(books, drafts, instruments, clock)


def _judged(
    books: Books, drafts: Sequence[Draft], instruments: dict[str, _Instrument], clock: Clock
) -> list[rows.Booked | BookingRefused]:
    latest = clock.now() + CLOCK_SKEW
    # In one millisecond ids do not sort by the time they were made: sorted, they keep the order of the drafts.
    ids = sorted(uuid7(clock) for _ in drafts)
    prepared: list[rows.Booked | BookingRefused] = []
    for index, (draft, new_id) in enumerate(zip(drafts, ids, strict=True)):
        try:
            transactions.check(draft)
            _check_time(draft, latest)
            if not books.is_open:
                raise DraftRefused("account_closed", "The account is closed: open it, or use another.")
            prepared.append(_booked(new_id, draft, instruments))
        except DraftRefused as refused:
            prepared.append(BookingRefused(refused.rule, index, refused.detail))
        except CurrencyError as refused:
            prepared.append(BookingRefused("amount_not_representable", index, f"{refused}."))
    return prepared


def _needs_calendar(draft: Draft) -> bool:
    return draft.kind in transactions.TRADES and draft.settles_on is None


def _booked(new_id: UUID, draft: Draft, instruments: dict[str, _Instrument]) -> rows.Booked:
    minor_digits(draft.currency)
    if draft.to_currency is not None:
        minor_digits(draft.to_currency)
    multiplier = Decimal(1)
    if draft.symbol is not None:
        instrument = _known(instruments, draft.symbol)
        multiplier = instrument.multiplier
        _check_rate(draft, instrument)
        if _needs_calendar(draft):
            draft = replace(draft, settles_on=settles_on(instrument.exchange, draft.occurred_at.astimezone(UTC).date()))
    if draft.related_symbol is not None:
        _known(instruments, draft.related_symbol)
    gross = transactions.gross_minor(draft, multiplier)
    lines = transactions.entries(draft, multiplier)
    fact = _fact(new_id, draft, gross) if draft.kind in FOLDING else None
    return rows.Booked(new_id, draft, gross, lines, fact)


def _check_time(draft: Draft, latest: datetime) -> None:
    if draft.occurred_at.year < EARLIEST_YEAR:
        raise DraftRefused("too_long_ago", f"occurred_at is before {EARLIEST_YEAR}.")
    if draft.occurred_at.year > latest.year + 1 or draft.occurred_at > latest:
        raise DraftRefused("in_the_future", "occurred_at lies ahead: book it when it has happened.")


def _known(instruments: dict[str, _Instrument], symbol: str) -> _Instrument:
    try:
        return instruments[symbol]
    except KeyError:
        raise DraftRefused("unknown_instrument", f"There is no instrument {symbol}: make it first.") from None


def _check_rate(draft: Draft, instrument: _Instrument) -> None:
    is_foreign = draft.currency != instrument.currency
    if draft.kind in transactions.UNITS and is_foreign == (draft.fx_rate == 1):
        raise DraftRefused(
            "fx_rate_missing" if is_foreign else "fx_rate_given",
            f"{draft.symbol} is priced in {instrument.currency} and paid in {draft.currency}: "
            + ("give the fx_rate between them." if is_foreign else "the fx_rate is 1."),
        )


def _fact(new_id: UUID, draft: Draft, gross: int) -> Fact:
    charges = draft.fee_minor + draft.tax_minor
    return Fact(
        id=new_id,
        kind=draft.kind,
        symbol=draft.symbol or "",
        occurred_at=draft.occurred_at,
        currency=draft.currency,
        units=0 if draft.quantity is None else transactions.to_units(draft.quantity),
        total_minor=gross - charges if draft.kind is Kind.SELL else gross + charges,
        ratio=draft.ratio,
        related_symbol=draft.related_symbol,
        cost_share=draft.cost_share,
        lots=draft.lots,
    )


async def _post(connection: Transaction, books: Books, found: Sequence[rows.Booked], clock: Clock) -> None:
    wanted = {(line.purpose.value, line.currency) for each in found for line in each.lines}
    if not wanted:
        return
    ids = await ledger.ledger_accounts(connection, account_id=books.account_id, wanted=wanted, clock=clock)
    await ledger.post(connection, list(_transfers(found, ids, clock)))


def _transfers(found: Sequence[rows.Booked], ids: dict[tuple[str, str], UUID], clock: Clock) -> Iterable[Transfer]:
    for each in found:
        lines = [Line(ids[line.purpose.value, line.currency], line.currency, line.amount_minor) for line in each.lines]
        yield Transfer(
            id=uuid7(clock),
            kind=each.draft.kind.value,
            source_id=each.id,
            effective_at=each.draft.occurred_at,
            lines=lines,
        )


def _refusal(refused: FoldRefused, found: Sequence[rows.Booked]) -> BookingRefused:
    """The draft that was at fault: the one refused, or the first of those that a booked one does not go with."""
    for index, each in enumerate(found):
        if each.id == refused.transaction_id:
            return BookingRefused(refused.rule, index, refused.detail)
    detail = f"The transaction {refused.transaction_id}, booked already, would not fit any more: {refused.detail}"
    return BookingRefused("contradicts_a_later_one", 0, detail)
