"""Writes of the chain: coins move in the ledger and a block is appended, in the caller's transaction.

Blocks are appended one at a time: whoever appends holds a lock until the transaction ends, and takes it last, so a
block costs the others no more than the end of its transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.domain.blocks import (
    FIRST_PREVIOUS,
    ChainKind,
    Content,
    Header,
    block_hash,
    canonical,
    leaf_hash,
    merkle_root,
)
from lakehouse.domain.chain_audit import BlockRow, TransactionRow
from lakehouse.domain.currency import SIM_COIN
from lakehouse.domain.ids import uuid7
from lakehouse.portfolio.transactions import Purpose
from lakehouse.stores.books import ledger
from lakehouse.stores.books.ledger import Line, Transfer
from lakehouse.stores.postgres import Transaction, rows_of

LEDGER_KINDS: Final = {ChainKind.MINT: "chain_mint", ChainKind.TRANSFER: "chain_transfer"}

LOCK: Final[LiteralString] = "SELECT pg_advisory_xact_lock(hashtextextended('tidemark.chain', 0))"
HEAD: Final[LiteralString] = """
    SELECT b.index, b.previous_hash, b.merkle_root, b.transaction_count, b.created_at, b.hash
    FROM chain.block AS b ORDER BY b.index DESC LIMIT 1
"""
ADD_BLOCK: Final[LiteralString] = """
    INSERT INTO chain.block (index, previous_hash, merkle_root, transaction_count, created_at, hash)
    VALUES (%(index)s, %(previous_hash)s, %(merkle_root)s, %(transaction_count)s, %(created_at)s, %(hash)s)
"""
ADD_TRANSACTION: Final[LiteralString] = """
    INSERT INTO chain.transaction (id, block_index, position, kind, sender_account_id, receiver_account_id,
        amount_minor, currency, created_at, content, hash)
    VALUES (%(id)s, %(block_index)s, %(position)s, %(kind)s, %(sender_account_id)s, %(receiver_account_id)s,
        %(amount_minor)s, %(currency)s, %(created_at)s, %(content)s, %(hash)s)
"""


@dataclass(frozen=True, slots=True)
class CoinMove:
    """Coins to move, or to make where there is no sender; `amount_minor` is above zero."""

    id: UUID
    sender_account_id: UUID | None
    receiver_account_id: UUID
    amount_minor: int

    @property
    def kind(self) -> ChainKind:
        """What it does."""
        return ChainKind.MINT if self.sender_account_id is None else ChainKind.TRANSFER


@dataclass(frozen=True, slots=True)
class Appended:
    """A block with its transactions, as they were written."""

    block: BlockRow
    transactions: tuple[TransactionRow, ...]


async def append(connection: Transaction, moves: Sequence[CoinMove], *, clock: Clock) -> Appended:
    """Move the coins and append the block that says so.

    Raises IntegrityError (ledger_account_no_overdraft where a sender has too few). Callers have locked the accounts
    (`ledger.lock_accounts`). It is the last thing but the audit that a transaction should do.
    """
    await ledger.post(connection, [await _transfer(connection, move, clock) for move in moves])
    await connection.execute(LOCK)
    heads = await rows_of(connection, HEAD, {}, BlockRow)
    appended = _block(moves, heads[0] if heads else None, clock.now())
    await connection.execute(ADD_BLOCK, _columns(appended.block))
    async with connection.cursor() as cursor:
        await cursor.executemany(ADD_TRANSACTION, [_columns(row) for row in appended.transactions])
    return appended


async def _transfer(connection: Transaction, move: CoinMove, clock: Clock) -> Transfer:
    from_purpose = Purpose.MINT if move.sender_account_id is None else Purpose.COIN
    sender = await ledger.ledger_account(
        connection, account_id=move.sender_account_id, purpose=from_purpose, currency=SIM_COIN, clock=clock
    )
    receiver = await ledger.ledger_account(
        connection, account_id=move.receiver_account_id, purpose=Purpose.COIN, currency=SIM_COIN, clock=clock
    )
    return Transfer(
        id=uuid7(clock),
        kind=LEDGER_KINDS[move.kind],
        source_id=move.id,
        effective_at=clock.now(),
        lines=[Line(sender, SIM_COIN, -move.amount_minor), Line(receiver, SIM_COIN, move.amount_minor)],
    )


def _block(moves: Sequence[CoinMove], head: BlockRow | None, now: datetime) -> Appended:
    index = 0 if head is None else head.index + 1
    rows = tuple(_row(move, index, position, now) for position, move in enumerate(moves))
    header = Header(
        index=index,
        previous_hash=FIRST_PREVIOUS if head is None else head.hash,
        merkle_root=merkle_root([row.hash for row in rows]),
        transaction_count=len(rows),
        created_at=now,
    )
    return Appended(BlockRow(**_columns(header), hash=block_hash(header)), rows)


def _row(move: CoinMove, index: int, position: int, now: datetime) -> TransactionRow:
    content = Content(
        id=move.id,
        block_index=index,
        position=position,
        kind=move.kind.value,
        sender_account_id=move.sender_account_id,
        receiver_account_id=move.receiver_account_id,
        amount_minor=move.amount_minor,
        currency=SIM_COIN,
        created_at=now,
    )
    text = canonical(content)
    return TransactionRow(**_columns(content), content=text, hash=leaf_hash(text))


def _columns(row: Header | Content) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(row)}
