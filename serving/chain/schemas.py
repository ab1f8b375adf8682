"""What blocks, their transactions and coin balances look like on the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from lakehouse.domain.blocks import ChainKind
from serving.kit.types import DecimalText, Optionally, PositiveAmount

MAX_INDEX = 2**63 - 2
HASH_PATTERN = "^[0-9a-f]{64}$"

Coin = Literal["SIM_COIN"]
Hash = Annotated[str, Field(pattern=HASH_PATTERN)]
Index = Annotated[int, Field(ge=0, le=MAX_INDEX)]

CURRENCY: Coin = "SIM_COIN"
COIN = Field(CURRENCY, description="the chain's only currency, with two decimals")
AMOUNT = Field(description="coins, with at most two decimals", examples=["12.50"])


class BlockOut(BaseModel):
    """A block without its transactions."""

    index: Index = Field(description="place in the chain, from 0")
    hash: Hash = Field(description="SHA-256 of the header: see the description of the chain")
    previous_hash: Hash = Field(description="hash of the block before; zeros in the first")
    merkle_root: Hash = Field(description="root over the hashes of its transactions")
    transaction_count: int = Field(ge=1, description="transactions in it")
    created_at: datetime = Field(description="when it was appended")


class ChainTransactionOut(BaseModel):
    """Coins that moved, or were made."""

    id: UUID = Field(description="UUIDv7")
    block_index: Index = Field(description="block that holds it")
    position: int = Field(ge=0, description="place in the block")
    kind: ChainKind = Field(description="mint or transfer")
    sender_account_id: UUID | None = Field(description="account that gave; null where coins were made")
    receiver_account_id: UUID = Field(description="account that got")
    amount: DecimalText = AMOUNT
    currency: Coin = COIN
    created_at: datetime = Field(description="when its block was appended")
    content: str = Field(description="the text that was hashed: SHA-256 of a zero byte and this is `hash`")
    hash: Hash = Field(description="leaf of the block's Merkle tree")


class SealedTransaction(BaseModel):
    """A transaction as everybody sees it: its hash proves that it is there, its owners see what it says."""

    position: int = Field(ge=0, description="place in the block")
    hash: Hash = Field(description="leaf of the block's Merkle tree")
    transaction: ChainTransactionOut | None = Field(
        description="what it says; null where neither side is an account of yours"
    )


class BlockDetail(BlockOut):
    """A block with its transactions."""

    transactions: list[SealedTransaction] = Field(description="in order; their hashes give the Merkle root")


class BlockPage(BaseModel):
    """Blocks and where the next ones are."""

    data: list[BlockOut] = Field(description="blocks in order")
    has_more: bool = Field(description="true where another page follows")
    next: str | None = Field(description="path of the next page, with the same order; null on the last page")


class BlockQuery(BaseModel):
    """The query of the list."""

    model_config = ConfigDict(extra="forbid")

    starting_after: Optionally[Index] = Field(None, description="index after which the page starts, in its order")
    limit: int = Field(50, ge=1, le=200, description="blocks on a page")
    sort: Literal["index", "-index"] = Field("index", description="oldest first, or with `-` newest first")


class CoinTransferIn(BaseModel):
    """Coins to move."""

    model_config = ConfigDict(extra="forbid")

    sender_account_id: UUID = Field(description="account of yours that gives")
    receiver_account_id: UUID = Field(description="account that gets, whoever owns it")
    amount: PositiveAmount = AMOUNT
    currency: Coin = COIN


class CoinSeedIn(BaseModel):
    """Coins to make."""

    model_config = ConfigDict(extra="forbid")

    account_id: UUID = Field(description="account that gets them, whoever owns it")
    amount: PositiveAmount = AMOUNT
    currency: Coin = COIN


class BalanceQuery(BaseModel):
    """Whose coins to tell."""

    model_config = ConfigDict(extra="forbid")

    account_id: Optionally[UUID] = Field(
        None, description="one account; left out: the first 200 of yours that have coins"
    )
    currency: Coin = COIN


class CoinBalanceOut(BaseModel):
    """Coins of an account."""

    account_id: UUID = Field(description="account")
    currency: Coin = COIN
    balance: DecimalText = Field(description="coins that it holds", examples=["100.00"])


class CoinBalanceList(BaseModel):
    """Coins of accounts."""

    data: list[CoinBalanceOut] = Field(description="by account")


class VerifyQuery(BaseModel):
    """What to verify."""

    model_config = ConfigDict(extra="forbid")

    from_index: Index = Field(0, description="first block to verify; the one before it is trusted")
    limit: int = Field(1000, ge=1, le=10_000, description="blocks to verify at most; go on at `next_index`")
    anchor_index: Optionally[Index] = Field(None, description="block whose hash you have kept; with `anchor_hash`")
    anchor_hash: Optionally[Hash] = Field(None, description="hash that you have kept; with `anchor_index`")


class ChainFindingOut(BaseModel):
    """Something that is not as it was written."""

    block_index: int | None = Field(description="block; null where no block says it")
    transaction_id: UUID | None = Field(description="transaction; null where the block itself is concerned")
    field: str = Field(description="column or part that is wrong")
    detail: str = Field(description="how that shows")


class ChainAnchor(BaseModel):
    """A block by its hash: keep it outside, and `verify` against it later."""

    index: int = Field(description="place in the chain")
    hash: Hash = Field(description="hash of the block")


class ChainVerification(BaseModel):
    """What was verified and what was found."""

    is_valid: bool = Field(description="true where nothing was found in what was verified")
    is_complete: bool = Field(
        description="true where the head was reached; only then is the ledger compared as a whole"
    )
    from_index: int = Field(description="first block that was asked for")
    last_index: int | None = Field(description="last block that was verified; null where there was none")
    next_index: int | None = Field(description="where to go on; null where the head was reached")
    head: ChainAnchor | None = Field(description="newest block; null where the chain is empty")
    findings: list[ChainFindingOut] = Field(description="at most 100")
