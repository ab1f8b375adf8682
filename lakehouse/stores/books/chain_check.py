"""Verification of the chain against itself, against the ledger, and against an anchor that was kept elsewhere."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.domain.chain_audit import BlockRow, Finding, TransactionRow, check_anchor, check_block
from lakehouse.portfolio.transactions import Purpose
from lakehouse.stores.books.chain import HEAD
from lakehouse.stores.postgres import Transaction, rows_of

PAGE: Final = 500
MAX_FINDINGS: Final = 100

SNAPSHOT: Final[LiteralString] = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
BLOCKS: Final[LiteralString] = """
    SELECT b.index, b.previous_hash, b.merkle_root, b.transaction_count, b.created_at, b.hash
    FROM chain.block AS b WHERE b.index >= %(start)s ORDER BY b.index LIMIT %(limit)s
"""
ONE: Final[LiteralString] = """
    SELECT b.index, b.previous_hash, b.merkle_root, b.transaction_count, b.created_at, b.hash
    FROM chain.block AS b WHERE b.index = %(index)s
"""
TRANSACTIONS: Final[LiteralString] = """
    SELECT t.id, t.block_index, t.position, t.kind, t.sender_account_id, t.receiver_account_id, t.amount_minor,
           t.currency, t.created_at, t.content, t.hash
    FROM chain.transaction AS t
    WHERE t.block_index BETWEEN %(first)s AND %(last)s
    ORDER BY t.block_index, t.position
"""
ENTRIES: Final[LiteralString] = """
    SELECT f.source_id, f.kind, a.account_id, a.purpose, e.currency, e.amount_minor
    FROM chain.transaction AS t
    JOIN ledger.transfer AS f ON f.source_id = t.id AND f.kind IN ('chain_mint', 'chain_transfer')
    JOIN ledger.entry AS e ON e.transfer_id = f.id
    JOIN ledger.account AS a ON a.id = e.ledger_account_id
    WHERE t.block_index BETWEEN %(first)s AND %(last)s
"""
# What no block accounts for; each is asked for once, when the head is reached.
ORPHANS: Final[LiteralString] = """
    SELECT t.block_index, t.id AS transaction_id, 'block_index' AS field, 'there is no such block' AS detail
    FROM chain.transaction AS t WHERE NOT EXISTS (SELECT FROM chain.block AS b WHERE b.index = t.block_index)
    LIMIT %(limit)s
"""
STRANGERS: Final[LiteralString] = """
    SELECT NULL::bigint AS block_index, f.source_id AS transaction_id, 'ledger_transfer' AS field,
           'the ledger moved coins of account ' || coalesce(a.account_id::text, 'mint') || ' without a block' AS detail
    FROM ledger.account AS a
    JOIN ledger.entry AS e ON e.ledger_account_id = a.id
    JOIN ledger.transfer AS f ON f.id = e.transfer_id
    WHERE a.purpose IN ('coin', 'mint')
      AND NOT EXISTS (SELECT FROM chain.transaction AS t WHERE t.id = f.source_id AND f.kind = 'chain_' || t.kind)
    LIMIT %(limit)s
"""
BALANCES: Final[LiteralString] = """
    SELECT NULL::bigint AS block_index, NULL::uuid AS transaction_id, 'ledger_balance' AS field,
           'account ' || coalesce(a.account_id::text, 'mint') || ' holds ' || a.balance_minor
           || ' minor units, its entries sum to ' || coalesce(sum(e.amount_minor), 0) AS detail
    FROM ledger.account AS a LEFT JOIN ledger.entry AS e ON e.ledger_account_id = a.id
    WHERE a.purpose IN ('coin', 'mint')
    GROUP BY a.id HAVING a.balance_minor <> coalesce(sum(e.amount_minor), 0)
    LIMIT %(limit)s
"""

Line = tuple[UUID | None, str, str, int]


@dataclass(frozen=True, slots=True)
class Anchor:
    """A block's hash that was kept outside of the database."""

    index: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """What was verified and what was found; `is_complete` where the head was reached and the ledger compared."""

    first: int
    last: int | None
    head: BlockRow | None
    is_complete: bool
    findings: tuple[Finding, ...]

    @property
    def is_valid(self) -> bool:
        """True where nothing was found in what was verified."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class _Entry:
    source_id: UUID
    kind: str
    account_id: UUID | None
    purpose: str
    currency: str
    amount_minor: int


async def verify(
    connection: Transaction, *, first: int = 0, limit: int | None = None, anchor: Anchor | None = None
) -> Report:
    """Verify up to `limit` blocks (None: all) from `first` on, on one snapshot of the database.

    `connection` is at the start of a transaction. Hashes are computed in a thread. At most MAX_FINDINGS are told.
    """
    await connection.execute(SNAPSHOT)
    found: list[Finding] = []
    before = await _one(connection, first - 1) if first else None
    expected, left, last, is_complete = first, limit, None, False
    while not is_complete and len(found) < MAX_FINDINGS and (left is None or left > 0):
        size = PAGE if left is None else min(PAGE, left)
        # One more than is checked: the last one needs to know what follows it.
        blocks = await rows_of(connection, BLOCKS, {"start": expected, "limit": size + 1}, BlockRow)
        checked, is_complete = blocks[:size], len(blocks) <= size
        if checked:
            found.extend(await _page(connection, blocks, size, expected=expected, before=before))
            before, last, expected = checked[-1], checked[-1].index, checked[-1].index + 1
            left = None if left is None else left - len(checked)
    if is_complete:
        found.extend(await _beside(connection))
    if anchor is not None:
        found.extend(check_anchor(await _one(connection, anchor.index), anchor.index, anchor.hash))
    head = await rows_of(connection, HEAD, {}, BlockRow)
    return Report(first, last, head[0] if head else None, is_complete, tuple(found[:MAX_FINDINGS]))


async def _page(
    connection: Transaction, blocks: Sequence[BlockRow], size: int, *, expected: int, before: BlockRow | None
) -> list[Finding]:
    names = {"first": blocks[0].index, "last": blocks[:size][-1].index}
    rows = await rows_of(connection, TRANSACTIONS, names, TransactionRow)
    entries = await rows_of(connection, ENTRIES, names, _Entry)
    return await asyncio.to_thread(_check, blocks, size, rows, entries, expected, before)


def _check(
    blocks: Sequence[BlockRow],
    size: int,
    rows: Sequence[TransactionRow],
    entries: Sequence[_Entry],
    expected: int,
    before: BlockRow | None,
) -> list[Finding]:
    of_block = {index: list(group) for index, group in groupby(rows, lambda row: row.block_index)}
    found: list[Finding] = []
    for place, block in enumerate(blocks[:size]):
        after = blocks[place + 1] if place + 1 < len(blocks) else None
        own = of_block.get(block.index, [])
        found.extend(check_block(block, own, expected_index=expected, before=before, after=after))
        before, expected = block, block.index + 1
    return [*found, *_against_ledger(rows, entries)]


def _against_ledger(rows: Sequence[TransactionRow], entries: Sequence[_Entry]) -> list[Finding]:
    booked: dict[tuple[UUID, str], set[Line]] = {}
    for entry in entries:
        line = (entry.account_id, entry.purpose, entry.currency, entry.amount_minor)
        booked.setdefault((entry.source_id, entry.kind), set()).add(line)
    return [
        Finding(row.block_index, row.id, "ledger_entry", "the ledger does not say what the transaction says")
        for row in rows
        if booked.get((row.id, f"chain_{row.kind}"), set()) != _lines(row)
    ]


def _lines(row: TransactionRow) -> set[Line]:
    source = Purpose.MINT if row.sender_account_id is None else Purpose.COIN
    return {
        (row.sender_account_id, source.value, row.currency, -row.amount_minor),
        (row.receiver_account_id, Purpose.COIN.value, row.currency, row.amount_minor),
    }


async def _beside(connection: Transaction) -> list[Finding]:
    names: Mapping[str, object] = {"limit": MAX_FINDINGS}
    return [
        finding
        for statement in (ORPHANS, STRANGERS, BALANCES)
        for finding in await rows_of(connection, statement, names, Finding)
    ]


async def _one(connection: Transaction, index: int) -> BlockRow | None:
    found = await rows_of(connection, ONE, {"index": index}, BlockRow)
    return found[0] if found else None
