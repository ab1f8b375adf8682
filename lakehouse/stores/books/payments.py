"""Money of payments: into or out of an account, inside the caller's transaction, whatever the account is for.

An account with a portfolio books a deposit or a withdrawal, so that its cash, its flows and its performance agree; an
account without one books the same two lines of the ledger alone.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.portfolio.transactions import Draft, Kind, Purpose
from lakehouse.stores.books import ledger
from lakehouse.stores.books.booking import BookingRefused, book, open_books
from lakehouse.stores.books.ledger import Line, Transfer
from lakehouse.stores.postgres import Transaction, rows_of

SOURCE: Final = "payment"

PURSES: Final[LiteralString] = """
    SELECT a.id AS account_id, a.owner_id, a.status = 'open' AS is_open, p.id AS portfolio_id
    FROM app.account AS a LEFT JOIN app.portfolio AS p ON p.account_id = a.id
    WHERE a.id = ANY(%(ids)s)
    ORDER BY a.id
    FOR NO KEY UPDATE OF a
"""
SPENDABLE: Final[LiteralString] = """
    SELECT l.balance_minor - l.reserved_minor AS minor FROM ledger.account AS l
    WHERE l.account_id = %(account_id)s AND l.purpose = 'cash' AND l.currency = %(currency)s
"""


@dataclass(frozen=True, slots=True)
class Purse:
    """An account that pays or is paid; its row is locked until the transaction ends."""

    account_id: UUID
    owner_id: UUID
    is_open: bool
    portfolio_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Money that comes into an account (positive) or leaves it. `label` tells a payment's moves apart."""

    payment_id: UUID
    label: str
    currency: str
    amount_minor: int
    note: str
    to_closed: bool = False
    """Money that comes back belongs to the payer, also where the account was closed while it was away."""


@dataclass(frozen=True, slots=True)
class _Minor:
    minor: int


async def open_purses(connection: Transaction, account_ids: Collection[UUID]) -> dict[UUID, Purse]:
    """Those of the accounts that exist, locked in the order of their ids."""
    found = await rows_of(connection, PURSES, {"ids": sorted(set(account_ids))}, Purse)
    return {purse.account_id: purse for purse in found}


async def spendable(connection: Transaction, account_id: UUID, currency: str) -> int:
    """Cash that is neither spent nor reserved, in minor units; 0 where the account never had the currency."""
    found = await rows_of(connection, SPENDABLE, {"account_id": account_id, "currency": currency}, _Minor)
    return found[0].minor if found else 0


async def move(connection: Transaction, purse: Purse, one: Move, *, clock: Clock) -> None:
    """Book one side of a payment. Raises BookingRefused (account_closed and others) and IntegrityError
    (ledger_account_no_overdraft and ledger_account_reserved_covered; transfer_once for a second booking)."""
    if not (purse.is_open or one.to_closed):
        raise BookingRefused("account_closed", 0, f"The account {purse.account_id} is closed.")
    if purse.portfolio_id is None:
        await _post(connection, purse, one, clock)
        return
    books = await open_books(connection, purse.portfolio_id, owner_id=purse.owner_id)
    if books is None:
        raise BookingRefused("account_closed", 0, f"The portfolio of account {purse.account_id} is gone.")
    draft = Draft(
        kind=Kind.DEPOSIT if one.amount_minor > 0 else Kind.WITHDRAWAL,
        occurred_at=clock.now(),
        currency=one.currency,
        amount_minor=abs(one.amount_minor),
        external_id=f"payment:{one.payment_id}:{one.label}",
        source=SOURCE,
        note=one.note,
    )
    await book(connection, replace(books, is_open=True), [draft], clock=clock)


async def _post(connection: Transaction, purse: Purse, one: Move, clock: Clock) -> None:
    wanted = [(Purpose.CASH.value, one.currency), (Purpose.EXTERNAL.value, one.currency)]
    ids = await ledger.ledger_accounts(connection, account_id=purse.account_id, wanted=wanted, clock=clock)
    transfer = Transfer(
        id=uuid7(clock),
        kind=f"payment_{one.label}",
        source_id=one.payment_id,
        effective_at=clock.now(),
        lines=[
            Line(ids[wanted[0]], one.currency, one.amount_minor),
            Line(ids[wanted[1]], one.currency, -one.amount_minor),
        ],
        note=one.note,
    )
    await ledger.post(connection, [transfer])
