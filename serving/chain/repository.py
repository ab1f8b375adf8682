"""Reads of the chain, and who owns which of the accounts that a transaction names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.domain.chain_audit import BlockRow, TransactionRow
from serving.kit.access import Principal
from serving.kit.database import Database

MAX_BALANCES: Final = 200

OLDEST_FIRST: Final[LiteralString] = """
    SELECT b.index, b.previous_hash, b.merkle_root, b.transaction_count, b.created_at, b.hash
    FROM chain.block AS b
    WHERE %(after)s::bigint IS NULL OR b.index > %(after)s
    ORDER BY b.index LIMIT %(limit)s
"""
NEWEST_FIRST: Final[LiteralString] = """
    SELECT b.index, b.previous_hash, b.merkle_root, b.transaction_count, b.created_at, b.hash
    FROM chain.block AS b
    WHERE %(after)s::bigint IS NULL OR b.index < %(after)s
    ORDER BY b.index DESC LIMIT %(limit)s
"""
BLOCK: Final[LiteralString] = """
    SELECT b.index, b.previous_hash, b.merkle_root, b.transaction_count, b.created_at, b.hash
    FROM chain.block AS b WHERE b.index = %(index)s
"""
TRANSACTIONS: Final[LiteralString] = """
    SELECT t.id, t.block_index, t.position, t.kind, t.sender_account_id, t.receiver_account_id, t.amount_minor,
           t.currency, t.created_at, t.content, t.hash, s.owner_id AS sender_owner_id, r.owner_id AS receiver_owner_id
    FROM chain.transaction AS t
    LEFT JOIN app.account AS s ON s.id = t.sender_account_id
    JOIN app.account AS r ON r.id = t.receiver_account_id
    WHERE (%(index)s::bigint IS NULL OR t.block_index = %(index)s) AND (%(id)s::uuid IS NULL OR t.id = %(id)s)
    ORDER BY t.position
"""
BALANCE: Final[LiteralString] = """
    SELECT a.id AS account_id, a.owner_id, coalesce(l.balance_minor, 0) AS balance_minor
    FROM app.account AS a
    LEFT JOIN ledger.account AS l ON l.account_id = a.id AND l.purpose = 'coin' AND l.currency = %(currency)s
    WHERE a.id = %(account_id)s
"""
BALANCES: Final[LiteralString] = """
    SELECT a.id AS account_id, a.owner_id, l.balance_minor
    FROM app.account AS a
    JOIN ledger.account AS l ON l.account_id = a.id AND l.purpose = 'coin' AND l.currency = %(currency)s
    WHERE %(reads_all)s OR a.owner_id = %(reader)s
    ORDER BY a.id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedTransaction(TransactionRow):
    """A transaction with the owners of its accounts."""

    sender_owner_id: UUID | None
    receiver_owner_id: UUID


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """Coins of an account."""

    account_id: UUID
    owner_id: UUID
    balance_minor: int


class ChainRepository:
    """Reads of the chain. Every method raises PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, *, after: int | None, limit: int, is_descending: bool) -> list[BlockRow]:
        """Blocks in order, after an index."""
        names = {"after": after, "limit": limit}
        return await self._database.fetch(NEWEST_FIRST if is_descending else OLDEST_FIRST, names, BlockRow)

    async def block(self, index: int) -> BlockRow | None:
        """A block, or None."""
        return await self._database.find(BLOCK, {"index": index}, BlockRow)

    async def transactions(self, index: int) -> Sequence[OwnedTransaction]:
        """The transactions of a block."""
        return await self._database.fetch(TRANSACTIONS, {"index": index, "id": None}, OwnedTransaction)

    async def transaction(self, transaction_id: UUID) -> OwnedTransaction | None:
        """A transaction, or None."""
        return await self._database.find(TRANSACTIONS, {"index": None, "id": transaction_id}, OwnedTransaction)

    async def balance(self, account_id: UUID, currency: str) -> BalanceRow | None:
        """The coins of an account, whoever owns it; None where there is no such account."""
        return await self._database.find(BALANCE, {"account_id": account_id, "currency": currency}, BalanceRow)

    async def balances(self, principal: Principal, currency: str) -> list[BalanceRow]:
        """The coins of the reader's accounts."""
        names = {**principal.reader, "currency": currency, "limit": MAX_BALANCES}
        return await self._database.fetch(BALANCES, names, BalanceRow)
