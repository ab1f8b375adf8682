"""The rules of the chain: everybody sees that something moved, its owners see what, nobody spends what is another's."""

import asyncio
from uuid import UUID

from pydantic import BaseModel

from lakehouse.clock import Clock
from lakehouse.domain.chain_audit import BlockRow, Finding, TransactionRow
from lakehouse.domain.currency import SIM_COIN, CurrencyError, from_minor, to_minor
from lakehouse.domain.ids import uuid7
from lakehouse.stores.books import chain, chain_check, payments
from lakehouse.stores.books.chain import Appended, CoinMove
from lakehouse.stores.books.chain_check import Anchor, Report
from lakehouse.stores.books.outbox import Event, emit
from lakehouse.stores.books.payments import Purse
from lakehouse.stores.postgres import Transaction
from serving.audit import log as audit
from serving.chain.cache import ChainCache
from serving.chain.repository import BalanceRow, ChainRepository, OwnedTransaction
from serving.chain.schemas import (
    CURRENCY,
    BalanceQuery,
    BlockDetail,
    BlockOut,
    BlockPage,
    BlockQuery,
    ChainAnchor,
    ChainFindingOut,
    ChainTransactionOut,
    ChainVerification,
    CoinBalanceList,
    CoinBalanceOut,
    CoinSeedIn,
    CoinTransferIn,
    SealedTransaction,
    VerifyQuery,
)
from serving.kit.access import Principal
from serving.kit.crud.service import NotFound
from serving.kit.database import Database
from serving.kit.paging import next_path, split
from serving.kit.problems import AmountNotRepresentable, ApiError

TOPIC = "portfolio.events"


class TransferRefused(ApiError):
    """The coins cannot move: the accounts are the same, or one is closed."""

    status = 409
    code = "transfer_refused"
    title = "The coins cannot move"


class AnchorIncomplete(ApiError):
    """An anchor is an index and a hash."""

    status = 409
    code = "anchor_incomplete"
    title = "An anchor needs its index and its hash"


class _Owned(BaseModel):
    """A transaction with who may see what it says."""

    owners: list[UUID]
    transaction: ChainTransactionOut


class _Block(BaseModel):
    """A block as it is cached: whole, before it is cut to its reader."""

    block: BlockOut
    transactions: list[_Owned]


class _Balance(BaseModel):
    owner_id: UUID
    balance: CoinBalanceOut


class ChainService:
    """Blocks, transfers, balances and verification."""

    def __init__(self, database: Database, cache: ChainCache, clock: Clock) -> None:
        self._database = database
        self._repository = ChainRepository(database)
        self._clock = clock
        self._one_verification = asyncio.Semaphore(1)
        self.cache = cache

    async def page(self, query: BlockQuery, path: str) -> BlockPage:
        """A page of blocks."""

        async def read() -> BlockPage:
            found = await self._repository.page(
                after=query.starting_after, limit=query.limit + 1, is_descending=query.sort == "-index"
            )
            rows, has_more = split(found, query.limit)
            marker = {"starting_after": str(rows[-1].index)} if has_more else {}
            following = next_path(path, query.model_dump(), marker) if has_more else None
            return BlockPage(data=[_block(row) for row in rows], has_more=has_more, next=following)

        key = f"blocks:{query.sort}:{query.starting_after}:{query.limit}"
        return await self.cache.current(key, BlockPage, read) or await read()

    async def block(self, principal: Principal, index: int) -> BlockDetail:
        """A block; what its transactions say only to their owners. Raises NotFound."""

        async def read() -> _Block | None:
            row = await self._repository.block(index)
            if row is None:
                return None
            transactions = [_owned(each) for each in await self._repository.transactions(index)]
            return _Block(block=_block(row), transactions=transactions)

        found = await self.cache.fixed(f"block:{index}", _Block, read)
        if found is None:
            raise NotFound(f"There is no block {index}; GET /api/v1/blockchain/blocks lists them.")
        sealed = [
            SealedTransaction(
                position=each.transaction.position,
                hash=each.transaction.hash,
                transaction=each.transaction if _may_see(principal, each.owners) else None,
            )
            for each in found.transactions
        ]
        return BlockDetail(**found.block.model_dump(), transactions=sealed)

    async def transaction(self, principal: Principal, transaction_id: UUID) -> ChainTransactionOut:
        """A transaction of one of the caller's accounts. Raises NotFound."""

        async def read() -> _Owned | None:
            row = await self._repository.transaction(transaction_id)
            return None if row is None else _owned(row)

        found = await self.cache.fixed(f"transaction:{transaction_id}", _Owned, read)
        if found is None or not _may_see(principal, found.owners):
            raise NotFound(f"There is no transaction {transaction_id} of yours.")
        return found.transaction

    async def balances(self, principal: Principal, query: BalanceQuery) -> CoinBalanceList:
        """Coins of one account, or of all of the caller's. Raises NotFound."""
        account_id = query.account_id
        if account_id is None:
            rows = await self._repository.balances(principal, query.currency)
            return CoinBalanceList(data=[_balance(row) for row in rows])

        async def read() -> _Balance | None:
            row = await self._repository.balance(account_id, query.currency)
            return None if row is None else _Balance(owner_id=row.owner_id, balance=_balance(row))

        found = await self.cache.current(f"balance:{account_id}:{query.currency}", _Balance, read)
        if found is None or not _may_see(principal, [found.owner_id]):
            raise NotFound(f"There is no account {account_id} of yours; GET /api/v1/accounts lists them.")
        return CoinBalanceList(data=[found.balance])

    async def transfer(
        self, connection: Transaction, principal: Principal, body: CoinTransferIn
    ) -> ChainTransactionOut:
        """Move coins and append their block. Raises ApiError and IntegrityError (ledger_account_no_overdraft)."""
        if body.sender_account_id == body.receiver_account_id:
            raise TransferRefused("An account cannot send coins to itself.")
        minor = _minor(body)
        wanted = (body.sender_account_id, body.receiver_account_id)
        purses = await payments.open_purses(connection, wanted)
        sender = purses.get(body.sender_account_id)
        if sender is None or sender.owner_id != principal.user_id:
            raise NotFound(f"There is no account {body.sender_account_id} of yours; GET /api/v1/accounts lists them.")
        receiver = _receiver(purses, body.receiver_account_id)
        if not sender.is_open:
            raise TransferRefused("Your account is closed: open it, or use another.")
        move = CoinMove(uuid7(self._clock), sender.account_id, receiver.account_id, minor)
        return await self._append(connection, principal, move, (sender, receiver))

    async def seed(self, connection: Transaction, principal: Principal, body: CoinSeedIn) -> ChainTransactionOut:
        """Make coins: a transaction in a block like any other. Raises ApiError."""
        minor = _minor(body)
        purses = await payments.open_purses(connection, [body.account_id])
        receiver = _receiver(purses, body.account_id)
        move = CoinMove(uuid7(self._clock), None, receiver.account_id, minor)
        return await self._append(connection, principal, move, (receiver,))

    async def verify(self, query: VerifyQuery) -> ChainVerification:
        """Verify a part of the chain on one snapshot. Raises ApiError."""
        anchor = None
        if (query.anchor_index is None) != (query.anchor_hash is None):
            raise AnchorIncomplete("Give anchor_index and anchor_hash, or neither.")
        if query.anchor_index is not None and query.anchor_hash is not None:
            anchor = Anchor(query.anchor_index, bytes.fromhex(query.anchor_hash))
        # One at a time: it takes seconds and a connection, which the money paths must not wait for.
        async with self._one_verification, self._database.transaction() as connection:
            report = await chain_check.verify(connection, first=query.from_index, limit=query.limit, anchor=anchor)
        return _report(report)

    async def _append(
        self, connection: Transaction, principal: Principal, move: CoinMove, purses: tuple[Purse, ...]
    ) -> ChainTransactionOut:
        appended = await chain.append(connection, [move], clock=self._clock)
        await emit(connection, *(self._event(appended, owner) for owner in {purse.owner_id for purse in purses}))
        row = appended.transactions[0]
        shown = ChainTransactionOut.model_validate(_transaction(row))
        await audit.record(
            connection,
            principal,
            f"chain.{row.kind}",
            clock=self._clock,
            object_kind="chain_transaction",
            object_id=row.id,
            after={**shown.model_dump(mode="json"), "block_hash": appended.block.hash.hex()},
        )
        return shown

    def _event(self, appended: Appended, owner_id: UUID) -> Event:
        """Tells a side of the block's transaction that it is there; its hash anchors the chain outside."""
        block, row = appended.block, appended.transactions[0]
        return Event(
            event_id=uuid7(self._clock),
            topic=TOPIC,
            key=str(row.sender_account_id or row.receiver_account_id),
            type="chain.block",
            owner_id=owner_id,
            payload={
                "index": block.index,
                "hash": block.hash.hex(),
                "transaction_id": str(row.id),
                "kind": row.kind,
                "amount": _coins(row.amount_minor),
                "currency": row.currency,
            },
            occurred_at=block.created_at,
        )


def _minor(body: CoinTransferIn | CoinSeedIn) -> int:
    try:
        return to_minor(body.amount, SIM_COIN)
    except CurrencyError as error:
        raise AmountNotRepresentable(f"{error}.") from error


def _receiver(purses: dict[UUID, Purse], account_id: UUID) -> Purse:
    found = purses.get(account_id)
    if found is None:
        raise NotFound(f"There is no account {account_id}: ask the receiver for its id.")
    if not found.is_open:
        raise TransferRefused("The receiving account is closed.")
    return found


def _may_see(principal: Principal, owners: list[UUID]) -> bool:
    return principal.is_admin or principal.user_id in owners


def _coins(minor: int) -> str:
    return f"{from_minor(minor, SIM_COIN):f}"


def _block(row: BlockRow) -> BlockOut:
    return BlockOut(
        index=row.index,
        hash=row.hash.hex(),
        previous_hash=row.previous_hash.hex(),
        merkle_root=row.merkle_root.hex(),
        transaction_count=row.transaction_count,
        created_at=row.created_at,
    )


def _transaction(row: TransactionRow) -> dict[str, object]:
    return {
        "id": row.id,
        "block_index": row.block_index,
        "position": row.position,
        "kind": row.kind,
        "sender_account_id": row.sender_account_id,
        "receiver_account_id": row.receiver_account_id,
        "amount": _coins(row.amount_minor),
        "currency": row.currency,
        "created_at": row.created_at,
        "content": row.content,
        "hash": row.hash.hex(),
    }


def _owned(row: OwnedTransaction) -> _Owned:
    owners = [owner for owner in (row.sender_owner_id, row.receiver_owner_id) if owner is not None]
    return _Owned(owners=owners, transaction=ChainTransactionOut.model_validate(_transaction(row)))


def _balance(row: BalanceRow) -> CoinBalanceOut:
    return CoinBalanceOut(account_id=row.account_id, currency=CURRENCY, balance=_coins(row.balance_minor))


def _finding(found: Finding) -> ChainFindingOut:
    return ChainFindingOut(
        block_index=found.block_index, transaction_id=found.transaction_id, field=found.field, detail=found.detail
    )


def _report(report: Report) -> ChainVerification:
    head = report.head
    return ChainVerification(
        is_valid=report.is_valid,
        is_complete=report.is_complete,
        from_index=report.first,
        last_index=report.last,
        next_index=None if report.is_complete or report.last is None else report.last + 1,
        head=None if head is None else ChainAnchor(index=head.index, hash=head.hash.hex()),
        findings=[_finding(each) for each in report.findings],
    )
