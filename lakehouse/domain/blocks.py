"""Blocks by their hashes: what exactly is hashed, so that anybody can compute it again. Pure.

A transaction's content is canonical JSON: sorted names, no blanks, ASCII, integers as digits, instants as microseconds
since 1970. Three kinds of input start with a byte of their own, so that none can be passed off as another:

    leaf  = SHA-256(00 || content)
    node  = SHA-256(01 || left || right); a node without a sibling moves up as it is
    block = SHA-256(02 || canonical JSON of index, previous_hash, merkle_root, transaction_count, created_at_us)
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from lakehouse.clock import epoch_us

_LEAF, _NODE, _BLOCK = b"\x00", b"\x01", b"\x02"
FIRST_PREVIOUS = bytes(32)


class ChainKind(StrEnum):
    """What a transaction does: makes coins, or moves them."""

    MINT = "mint"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """All that a transaction says. `sender_account_id` is None where coins are made; the amount is above zero."""

    id: UUID
    block_index: int
    position: int
    kind: str
    sender_account_id: UUID | None
    receiver_account_id: UUID
    amount_minor: int
    currency: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """All that a block says."""

    index: int
    previous_hash: bytes
    merkle_root: bytes
    transaction_count: int
    created_at: datetime


def canonical(content: Content) -> str:
    """The text of a transaction that is hashed: equal contents have equal texts, different ones different texts."""
    sender = content.sender_account_id
    return _json(
        {
            "amount_minor": content.amount_minor,
            "block_index": content.block_index,
            "created_at_us": epoch_us(content.created_at),
            "currency": content.currency,
            "id": str(content.id),
            "kind": str(content.kind),
            "position": content.position,
            "receiver_account_id": str(content.receiver_account_id),
            "sender_account_id": None if sender is None else str(sender),
        }
    )


def leaf_hash(text: str) -> bytes:
    """The hash of a transaction's canonical text."""
    return hashlib.sha256(_LEAF + text.encode()).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over the leaves, in order. Raises ValueError for none: a block has a transaction."""
    if not leaves:
        raise ValueError("a Merkle tree has a leaf: give the hashes of a block's transactions")
    level = list(leaves)
    while len(level) > 1:
        pairs = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = [*pairs, *level[len(pairs) * 2 :]]
    return level[0]


def block_hash(header: Header) -> bytes:
    """The hash of a block's header, which the next block holds."""
    text = _json(
        {
            "created_at_us": epoch_us(header.created_at),
            "index": header.index,
            "merkle_root": header.merkle_root.hex(),
            "previous_hash": header.previous_hash.hex(),
            "transaction_count": header.transaction_count,
        }
    )
    return hashlib.sha256(_BLOCK + text.encode()).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()


def _json(value: dict[str, object]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
