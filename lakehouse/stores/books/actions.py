"""Corporate actions: a reversible record, and the transactions by which each holder's books follow it.

An action and all its bookings are one transaction. A booking's `external_id` names the action, and the books hold one
such id once a portfolio: applying again books only to holders that are not booked yet, as those of backdated trades.
"""

from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.domain.currency import minor_digits
from lakehouse.domain.ids import uuid7
from lakehouse.errors import TidemarkError
from lakehouse.portfolio.fold import Fold
from lakehouse.portfolio.lots import LotMethod
from lakehouse.portfolio.transactions import Draft, Kind, from_units
from lakehouse.quality.actions import Action, ActionKind
from lakehouse.stores.books import rows
from lakehouse.stores.books.booking import BookingRefused, Books, book, open_books, reverse
from lakehouse.stores.postgres import Transaction, rows_of

SOURCE: Final = "corporate_action"
ACTIONS: Final[LiteralString] = """
    SELECT a.id, a.symbol, a.kind, a.ex_date, a.ratio, a.related_symbol, a.cost_share, a.amount, a.currency,
           a.adjusts_prices, a.source, a.applied_at, a.reversed_at
    FROM app.corporate_action AS a
"""
LISTED: Final[LiteralString] = (
    ACTIONS
    + """
    WHERE (%(symbol)s::text IS NULL OR a.symbol = %(symbol)s) AND (%(with_reversed)s OR a.reversed_at IS NULL)
    ORDER BY a.ex_date, a.symbol, a.id
"""
)
LOCKED: Final[LiteralString] = ACTIONS + " WHERE a.id = %(id)s FOR UPDATE"
SAME: Final[LiteralString] = (
    ACTIONS
    + """
    WHERE a.symbol = %(symbol)s AND a.kind = %(kind)s AND a.ex_date = %(ex_date)s AND a.reversed_at IS NULL FOR UPDATE
"""
)
INSERT: Final[LiteralString] = """
    INSERT INTO app.corporate_action (
        id, symbol, kind, ex_date, ratio, related_symbol, cost_share, amount, currency, adjusts_prices,
        source, applied_at
    ) VALUES (
        %(id)s, %(symbol)s, %(kind)s, %(ex_date)s, %(ratio)s, %(related_symbol)s, %(cost_share)s, %(amount)s,
        %(currency)s, %(adjusts_prices)s, %(source)s, %(now)s
    ) ON CONFLICT (symbol, kind, ex_date) WHERE reversed_at IS NULL DO NOTHING
"""
MARK: Final[LiteralString] = "UPDATE app.corporate_action SET reversed_at = %(now)s WHERE id = %(id)s"
KNOWN: Final[LiteralString] = "SELECT i.symbol, i.currency FROM app.instrument AS i WHERE i.symbol = ANY(%(symbols)s)"
HOLDERS: Final[LiteralString] = """
    SELECT DISTINCT p.id, p.owner_id, p.account_id FROM app.portfolio AS p
    JOIN app.transaction AS t ON t.portfolio_id = p.id
    WHERE (t.symbol = %(symbol)s OR t.related_symbol = %(symbol)s) AND t.reversed_at IS NULL AND t.occurred_at < %(at)s
      AND NOT EXISTS (
          SELECT 1 FROM app.transaction AS x
          WHERE x.portfolio_id = p.id AND x.external_id = %(external_id)s AND x.reversed_at IS NULL
      )
    ORDER BY p.account_id, p.id
"""
BOOKED: Final[LiteralString] = """
    SELECT t.id AS transaction_id, p.id, p.owner_id, p.account_id FROM app.transaction AS t
    JOIN app.portfolio AS p ON p.id = t.portfolio_id
    WHERE t.external_id = %(external_id)s AND t.source = %(source)s AND t.reversed_at IS NULL
    ORDER BY p.account_id, p.id
"""


class ActionConflict(TidemarkError):
    """The action cannot be applied or reversed as things stand; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An action as it is stored; `reversed_at` is None while it holds."""

    id: UUID
    symbol: str
    kind: str
    ex_date: date
    ratio: Decimal | None
    related_symbol: str | None
    cost_share: Decimal | None
    amount: Decimal | None
    currency: str | None
    adjusts_prices: bool
    source: str
    applied_at: datetime
    reversed_at: datetime | None

    @property
    def action(self) -> Action:
        """The action itself."""
        names = {each.name for each in fields(Action)} - {"kind"}
        return Action(kind=ActionKind(self.kind), **{name: getattr(self, name) for name in names})


@dataclass(frozen=True, slots=True)
class Applied:
    """An action with the portfolios that were booked, or whose booking was reversed, by this call."""

    recorded: Recorded
    portfolios: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class _Holder:
    id: UUID
    owner_id: UUID
    account_id: UUID


@dataclass(frozen=True, slots=True)
class _Booked:
    transaction_id: UUID
    id: UUID
    owner_id: UUID
    account_id: UUID


@dataclass(frozen=True, slots=True)
class _Instrument:
    symbol: str
    currency: str


async def listed(connection: Transaction, symbol: str | None = None, *, with_reversed: bool = False) -> list[Recorded]:
    """Actions by ex-date, of one instrument or of all."""
    return await rows_of(connection, LISTED, {"symbol": symbol, "with_reversed": with_reversed}, Recorded)


async def apply(
    connection: Transaction, action: Action, *, source: str, clock: Clock, adjusts_prices: bool = True
) -> Applied:
    """Record the action and book it to everybody who held the instrument when its ex-date began, in UTC. Idempotent:
    the same action again books only to holders without it. With `adjusts_prices` false, returns are left alone: the
    provider's closes are adjusted already. Raises ActionConflict for another action of that kind on that day, an
    unknown instrument or a holder whose books refuse it."""
    currency = await _currency(connection, action)
    told = {each.name: getattr(action, each.name) for each in fields(Action)}
    names = {**told, "kind": str(action.kind)}
    await connection.execute(
        INSERT,
        {**names, "id": uuid7(clock), "source": source, "adjusts_prices": adjusts_prices, "now": clock.now()},
    )
    (recorded,) = await rows_of(connection, SAME, names, Recorded)
    if recorded.action != action or recorded.adjusts_prices != adjusts_prices:
        raise ActionConflict(
            f"{recorded.id} is another {action.kind} of {action.symbol} on {action.ex_date}: reverse it"
        )
    return Applied(recorded, await _book_all(connection, recorded, currency, clock))


async def undo(connection: Transaction, action_id: UUID, *, clock: Clock) -> Applied:
    """Reverse every booking of the action and mark it. Idempotent. Raises ActionConflict for an unknown id, or where a
    later transaction needs what the action gave."""
    found = await rows_of(connection, LOCKED, {"id": action_id}, Recorded)
    if not found:
        raise ActionConflict(f"there is no corporate action {action_id}: `tidemark actions list --all` shows them")
    names = {"external_id": _external_id(found[0].id), "source": SOURCE}
    booked = await rows_of(connection, BOOKED, names, _Booked)
    for each in booked:
        books = await _opened(connection, each.id, each.owner_id)
        try:
            await reverse(connection, books, each.transaction_id, clock=clock)
        except BookingRefused as refused:
            raise ActionConflict(f"portfolio {each.id}: {refused.detail}") from refused
    if found[0].reversed_at is None:
        await connection.execute(MARK, {"id": action_id, "now": clock.now()})
    (recorded,) = await rows_of(connection, LOCKED, {"id": action_id}, Recorded)
    return Applied(recorded, tuple(each.id for each in booked))


async def _book_all(connection: Transaction, recorded: Recorded, currency: str, clock: Clock) -> tuple[UUID, ...]:
    at = datetime.combine(recorded.ex_date, time(), UTC)
    names = {"symbol": recorded.symbol, "at": at, "external_id": _external_id(recorded.id)}
    done = []
    for holder in await rows_of(connection, HOLDERS, names, _Holder):
        books = await _opened(connection, holder.id, holder.owner_id)
        units = await _units(connection, books, recorded.symbol, at)
        draft = _draft(recorded, units, currency, at) if units else None
        if draft is None:
            continue
        try:
            await book(connection, books, [draft], clock=clock)
        except BookingRefused as refused:
            raise ActionConflict(f"portfolio {holder.id}: {refused.detail}") from refused
        done.append(holder.id)
    return tuple(done)


async def _units(connection: Transaction, books: Books, symbol: str, at: datetime) -> int:
    """What was held of `symbol` just before `at`, in units of 10^-8; negative is short."""
    fold = Fold(LotMethod(books.lot_method), allows_short=books.allows_short)
    fold.apply_all(fact for fact in await rows.facts(connection, books.portfolio_id, None) if fact.occurred_at < at)
    return fold.units(symbol)


def _draft(recorded: Recorded, units: int, currency: str, at: datetime) -> Draft | None:
    """The booking for a holder of `units`; None for a dividend that rounds to nothing. A short holder owes it."""
    kind, note = Kind(recorded.kind), f"{recorded.kind} of {recorded.ex_date}"
    made = Draft(
        kind=kind,
        occurred_at=at,
        currency=currency,
        symbol=recorded.symbol,
        external_id=_external_id(recorded.id),
        source=SOURCE,
        note=note,
    )
    if kind is not Kind.DIVIDEND:
        spun, share = recorded.related_symbol, recorded.cost_share
        return replace(made, ratio=recorded.ratio, related_symbol=spun, cost_share=share)
    paid = recorded.currency or currency
    exact = from_units(abs(units)) * (recorded.amount or Decimal(0))
    minor = int(exact.scaleb(minor_digits(paid)).to_integral_value(ROUND_HALF_EVEN))
    if not minor:
        return None
    dividend = replace(made, currency=paid, amount_minor=minor)
    return dividend if units > 0 else replace(dividend, kind=Kind.FEE, note=f"{note} on units sold short")


async def _currency(connection: Transaction, action: Action) -> str:
    """The instrument's currency. Raises ActionConflict where it, or what is spun off, does not exist."""
    wanted = {name for name in (action.symbol, action.related_symbol) if name is not None}
    found = {row.symbol: row for row in await rows_of(connection, KNOWN, {"symbols": sorted(wanted)}, _Instrument)}
    if missing := wanted - set(found):
        raise ActionConflict(f"there is no instrument {', '.join(sorted(missing))}: make it first")
    return found[action.symbol].currency


async def _opened(connection: Transaction, portfolio_id: UUID, owner_id: UUID) -> Books:
    books = await open_books(connection, portfolio_id, owner_id=owner_id)
    if books is None:
        raise ActionConflict(f"portfolio {portfolio_id} changed hands meanwhile: try again")
    return books


def _external_id(action_id: UUID) -> str:
    return f"corporate-action:{action_id}"
