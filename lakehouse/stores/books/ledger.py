"""Writes of the double entry: transfers that sum to zero, accounts made when they are first needed, reservations.

Nothing here commits: the caller's transaction does. Callers lock the rows of `app.account` first, in the order of
their ids (`lock_accounts`), so that two writes never wait for each other in a ring.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.portfolio.transactions import Purpose
from lakehouse.stores.postgres import Transaction, rows_of

HOLDS_MONEY: Final = frozenset({Purpose.CASH, Purpose.COIN})
REVERSAL: Final = "reversal"

LOCK: Final[LiteralString] = """
    SELECT a.id FROM app.account AS a WHERE a.id = ANY(%(ids)s) ORDER BY a.id FOR NO KEY UPDATE
"""
KNOWN: Final[LiteralString] = """
    SELECT l.id, l.purpose, l.currency FROM ledger.account AS l
    WHERE l.account_id IS NOT DISTINCT FROM %(account_id)s AND l.currency = ANY(%(currencies)s)
"""
MAKE: Final[LiteralString] = """
    INSERT INTO ledger.account (id, account_id, purpose, currency, allows_negative, created_at)
    VALUES (%(id)s, %(account_id)s, %(purpose)s, %(currency)s, %(allows_negative)s, %(now)s)
    ON CONFLICT ON CONSTRAINT ledger_account_unique DO NOTHING
"""
COPY_TRANSFERS: Final[LiteralString] = (
    "COPY ledger.transfer (id, kind, source_id, reverses, effective_at, note) FROM STDIN"
)
COPY_ENTRIES: Final[LiteralString] = (
    "COPY ledger.entry (transfer_id, line, ledger_account_id, currency, amount_minor) FROM STDIN"
)
# Where the account has never had the currency, an empty row lets the constraint say so, and goes with the rollback.
RESERVE: Final[LiteralString] = """
    WITH moved AS (
        UPDATE ledger.account SET reserved_minor = reserved_minor + %(delta)s
        WHERE account_id = %(account_id)s AND purpose = 'cash' AND currency = %(currency)s
        RETURNING id
    )
    INSERT INTO ledger.account (id, account_id, purpose, currency, allows_negative, reserved_minor)
    SELECT gen_random_uuid(), %(account_id)s, 'cash', %(currency)s, false, %(delta)s
    WHERE NOT EXISTS (SELECT FROM moved)
"""
ENTRIES: Final[LiteralString] = """
    SELECT t.id AS transfer_id, e.ledger_account_id, e.currency, e.amount_minor
    FROM ledger.transfer AS t JOIN ledger.entry AS e ON e.transfer_id = t.id
    WHERE t.kind = %(kind)s AND t.source_id = %(source_id)s
    ORDER BY e.line
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One entry: `amount_minor` is the change of the ledger account's balance."""

    ledger_account_id: UUID
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A booking. Its lines sum to zero in every currency, or the commit is refused (transfer_sums_to_zero)."""

    id: UUID
    kind: str
    source_id: UUID
    effective_at: datetime
    lines: Sequence[Line]
    note: str = ""
    reverses: UUID | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    id: UUID
    purpose: str
    currency: str


@dataclass(frozen=True, slots=True)
class _Entry:
    transfer_id: UUID
    ledger_account_id: UUID
    currency: str
    amount_minor: int


async def lock_accounts(connection: Transaction, account_ids: Collection[UUID]) -> None:
    """Lock these accounts until the transaction ends: their books change one transaction at a time."""
    await connection.execute(LOCK, {"ids": sorted(set(account_ids))})


async def post(connection: Transaction, transfers: Sequence[Transfer]) -> None:
    """Write the transfers and move the balances; lines of zero, and transfers with no other, are left out.

    Raises IntegrityError: transfer_once for a second booking of one source, ledger_account_no_overdraft,
    ledger_account_reserved_covered, and at the commit transfer_sums_to_zero.
    """
    kept = [(transfer, [line for line in transfer.lines if line.amount_minor]) for transfer in transfers]
    kept = [(transfer, lines) for transfer, lines in kept if lines]
    if not kept:
        return
    async with connection.cursor() as cursor:
        await _copy(
            cursor,
            COPY_TRANSFERS,
            [(t.id, t.kind, t.source_id, t.reverses, t.effective_at, t.note) for t, _ in kept],
        )
        await _copy(
            cursor,
            COPY_ENTRIES,
            [
                (transfer.id, place, line.ledger_account_id, line.currency, line.amount_minor)
                for transfer, lines in kept
                for place, line in enumerate(lines, start=1)
            ],
        )


async def reverse_transfer(
    connection: Transaction, *, kind: str, source_id: UUID, effective_at: datetime, clock: Clock
) -> UUID | None:
    """Book the opposite of the transfer of (`kind`, `source_id`) and return its id; None where nothing was booked.

    Raises IntegrityError as `post` does: transfer_reversed_once for a second reversal.
    """
    found = await rows_of(connection, ENTRIES, {"kind": kind, "source_id": source_id}, _Entry)
    if not found:
        return None
    reversal = Transfer(
        id=uuid7(clock),
        kind=REVERSAL,
        source_id=source_id,
        effective_at=effective_at,
        lines=[Line(each.ledger_account_id, each.currency, -each.amount_minor) for each in found],
        reverses=found[0].transfer_id,
    )
    await post(connection, [reversal])
    return reversal.id


async def ledger_accounts(
    connection: Transaction, *, account_id: UUID | None, wanted: Collection[tuple[str, str]], clock: Clock
) -> dict[tuple[str, str], UUID]:
    """Ids by (purpose, currency) of one account's ledger accounts, or of the platform's own (None); missing ones are
    made. Raises IntegrityError for a currency that the ledger does not know."""
    names = {"account_id": account_id, "currencies": sorted({currency for _, currency in wanted})}
    known = await _known(connection, names)
    missing = sorted(set(wanted) - known.keys())
    if not missing:
        return known
    rows = [
        {
            "id": uuid7(clock),
            "account_id": account_id,
            "purpose": str(purpose),
            "currency": currency,
            "allows_negative": purpose not in HOLDS_MONEY,
            "now": clock.now(),
        }
        for purpose, currency in missing
    ]
    async with connection.cursor() as cursor:
        await cursor.executemany(MAKE, rows)
    return await _known(connection, names)


async def ledger_account(
    connection: Transaction, *, account_id: UUID | None, purpose: str, currency: str, clock: Clock
) -> UUID:
    """The id of one ledger account, made where it is missing; `account_id` None means the platform's own."""
    found = await ledger_accounts(connection, account_id=account_id, wanted=[(purpose, currency)], clock=clock)
    return found[purpose, currency]


async def reserve_cash(connection: Transaction, *, account_id: UUID, currency: str, delta_minor: int) -> None:
    """Reserve cash, or with a negative `delta_minor` free it, by one conditional update.

    Raises IntegrityError (ledger_account_reserved_covered) where it is not covered, or more is freed than reserved.
    """
    if delta_minor:
        names = {"account_id": account_id, "currency": currency, "delta": delta_minor}
        await connection.execute(RESERVE, names)


async def _known(connection: Transaction, names: Mapping[str, object]) -> dict[tuple[str, str], UUID]:
    found = await rows_of(connection, KNOWN, names, _Known)
    return {(each.purpose, each.currency): each.id for each in found}


async def _copy(cursor: AsyncCursor[TupleRow], statement: LiteralString, rows: Sequence[tuple[object, ...]]) -> None:
    async with cursor.copy(statement) as copy:
        for row in rows:
            await copy.write_row(row)
