"""Blocks and their transactions, in PostgreSQL."""

from lakehouse.contracts.model import Column, Store, Table, Type

POSTGRES = (Store.POSTGRES,)

BLOCK = Table(
    name="chain.block",
    doc="Links of the chain: each holds the hash of the one before and the Merkle root of its transactions.",
    grain="index",
    owner="chain",
    columns=(
        Column("index", Type.INT64, "place in the chain, from 0, without gaps"),
        Column("previous_hash", Type.BINARY, "hash of the block before; 32 zero bytes in the first"),
        Column("merkle_root", Type.BINARY, "root of the hashes of its transactions, in order"),
        Column("transaction_count", Type.INT32, "transactions in it"),
        Column("created_at", Type.TIMESTAMP, "when it was appended"),
        Column("hash", Type.BINARY, "SHA-256 of the five columns before, in the form of lakehouse/domain/blocks.py"),
    ),
    key=("index",),
    stores=POSTGRES,
)

TRANSACTION = Table(
    name="chain.transaction",
    doc="Transfers of coins between accounts, and the making of coins; each is booked in the ledger too.",
    grain="id",
    owner="chain",
    columns=(
        Column("id", Type.UUID, "UUIDv7; source_id of its ledger transfer"),
        Column("block_index", Type.INT64, "block that holds it"),
        Column("position", Type.INT32, "place in the block, from 0"),
        Column("kind", Type.STRING, "mint or transfer"),
        Column("sender_account_id", Type.UUID, "account that gives; absent where coins are made", nullable=True),
        Column("receiver_account_id", Type.UUID, "account that gets"),
        Column("amount_minor", Type.INT64, "amount", unit="minor units of currency"),
        Column("currency", Type.STRING, "SIM_COIN"),
        Column("created_at", Type.TIMESTAMP, "when its block was appended"),
        Column("content", Type.STRING, "canonical JSON of the columns before: what is hashed"),
        Column("hash", Type.BINARY, "SHA-256 of the content as a leaf of the Merkle tree"),
    ),
    key=("id",),
    stores=POSTGRES,
)

TABLES = (BLOCK, TRANSACTION)
