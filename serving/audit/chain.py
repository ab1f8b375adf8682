"""The chain: what a row's hash covers, and how a changed, missing or invented row is found."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import BaseModel

CHAINS = 16
START = bytes(32)
_CHAIN_BYTES, _SEQ_BYTES = 4, 8


@dataclass(frozen=True, slots=True)
class Content:
    """What is said about one deed; all of it is hashed."""

    id: UUID
    occurred_at: datetime
    actor_id: UUID | None
    actor_kind: str
    action: str
    object_kind: str
    object_id: str
    before: object
    after: object
    request_id: str
    address: str


@dataclass(frozen=True, slots=True)
class Link(Content):
    """A row as it is stored."""

    chain: int
    seq: int
    previous_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Flaw:
    """The first row of a chain that is not what was written."""

    chain: int
    seq: int
    reason: str


def chain_of(actor_id: UUID | None) -> int:
    """The chain that an actor's deeds are written to."""
    return 0 if actor_id is None else actor_id.int % CHAINS


def plain(value: object) -> Any:
    """`value` as JSON that comes back from the database exactly as it was: no floats, no NUL, text for the rest."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, BaseModel):
        return plain(value.model_dump(mode="json"))
    if isinstance(value, Mapping):
        return {plain_text(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    return _instant(value) if isinstance(value, datetime) else plain_text(value)


def plain_text(value: object, *, longest: int = 4000) -> str:
    """Text that every store can hold."""
    return str(value).encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")[:longest]


def digest(content: Content) -> bytes:
    """sha256 of the canonical JSON of every member of `content`."""
    told = {field.name: plain(getattr(content, field.name)) for field in fields(Content)}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).digest()


def linked(previous: bytes, chain: int, seq: int, content: bytes) -> bytes:
    """The hash of a row: `audit.append` computes the same."""
    place = chain.to_bytes(_CHAIN_BYTES, "big") + seq.to_bytes(_SEQ_BYTES, "big")
    return hashlib.sha256(previous + place + content).digest()


def flaws(rows: Iterable[Link]) -> Iterator[Flaw]:
    """The first flaw of each chain, of rows in the order of chain and seq."""
    chain, seq, previous, is_broken = -1, 0, START, False
    for row in rows:
        if row.chain != chain:
            chain, seq, previous, is_broken = row.chain, 0, START, False
        if is_broken:
            continue
        seq += 1
        reason = _wrong(row, seq, previous)
        if reason is not None:
            is_broken = True
            yield Flaw(chain, seq, reason)
        previous = bytes(row.hash)


def _wrong(row: Link, seq: int, previous: bytes) -> str | None:
    if row.seq != seq:
        return f"row {seq} is missing: {row.seq} follows"
    if bytes(row.previous_hash) != previous:
        return "it is not chained to the row before it"
    if bytes(row.hash) != linked(previous, row.chain, row.seq, digest(row)):
        return "its content is not what was written"
    return None


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds")
