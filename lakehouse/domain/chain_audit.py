"""Finds what was changed in a chain of blocks, down to the column where that can be told. Pure.

The columns of a row and what is computed from them say the same thing twice; the one that disagrees with all others is
named. Who rewrites everything from a block to the head consistently is found by an anchor alone: a hash of a block
that was kept somewhere else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from uuid import UUID

from lakehouse.domain.blocks import FIRST_PREVIOUS, Content, Header, block_hash, canonical, leaf_hash, merkle_root


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRow(Header):
    """A block as it is stored."""

    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRow(Content):
    """A transaction as it is stored, with the text that was hashed."""

    content: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written: where, in which field, and how that shows."""

    block_index: int | None
    transaction_id: UUID | None
    field: str
    detail: str


def header_of(block: BlockRow) -> Header:
    """The block without its hash."""
    return Header(**{field.name: getattr(block, field.name) for field in fields(Header)})


def content_of(row: TransactionRow) -> Content:
    """The transaction without what is computed from it."""
    return Content(**{field.name: getattr(row, field.name) for field in fields(Content)})


def check_block(
    block: BlockRow,
    transactions: Sequence[TransactionRow],
    *,
    expected_index: int,
    before: BlockRow | None,
    after: BlockRow | None,
) -> list[Finding]:
    """What is wrong with a block, its place and its transactions (in order of position).

    `before` is None for the first block of the chain, `after` for its head.
    """
    found = [*_place(block, expected_index), *_previous(block, before)]
    if block.transaction_count != len(transactions):
        detail = f"says {block.transaction_count}, there are {len(transactions)}"
        found.append(Finding(block.index, None, "transaction_count", detail))
    for place, row in enumerate(transactions):
        found.extend(_transaction(block, row, place))
    found.extend(_root(block, transactions))
    found.extend(_hash(block, transactions, after, is_named=bool(found)))
    return found


def check_anchor(block: BlockRow | None, index: int, digest: bytes) -> list[Finding]:
    """Whether the block at `index` is the one whose hash was kept."""
    if block is None:
        return [Finding(index, None, "index", "the anchored block is missing")]
    if block.hash != digest:
        return [Finding(index, None, "hash", "is not the anchored one: the chain was rewritten from here or before")]
    return []


def _place(block: BlockRow, expected: int) -> Iterator[Finding]:
    if block.index != expected:
        yield Finding(expected, None, "index", f"block {expected} is missing; {block.index} follows")


def _previous(block: BlockRow, before: BlockRow | None) -> Iterator[Finding]:
    if before is None:
        known = {FIRST_PREVIOUS} if block.index == 0 else {block.previous_hash}
    else:
        known = {before.hash, block_hash(header_of(before))}
    if block.previous_hash not in known:
        yield Finding(block.index, None, "previous_hash", "is not the hash of the block before")


def _transaction(block: BlockRow, row: TransactionRow, place: int) -> Iterator[Finding]:
    """Columns, text and hash: where two agree, the third is wrong."""
    text = canonical(content_of(row))
    if row.content == text and leaf_hash(text) == row.hash:
        if row.position != place:
            yield Finding(block.index, row.id, "position", f"is {row.position}, but {place} is next")
    elif leaf_hash(text) == row.hash:
        yield Finding(block.index, row.id, "content", "is not the text of the columns and the hash")
    elif row.content == text:
        yield Finding(block.index, row.id, "hash", "is not that of the content")
    else:
        yield from _columns(block, row)


def _columns(block: BlockRow, row: TransactionRow) -> Iterator[Finding]:
    """The columns that the text contradicts; the text too where it does not have its hash."""
    if leaf_hash(row.content) != row.hash:
        yield Finding(block.index, row.id, "content", "fits neither the columns nor the hash")
        return
    for field in fields(Content):
        name = field.name
        if _part(canonical(content_of(row)), name) != _part(row.content, name):
            yield Finding(block.index, row.id, name, "is not what was hashed")


def _part(text: str, name: str) -> str:
    """The piece of canonical JSON that says `name`; what follows it too, where the text is not canonical."""
    marker = f'"{name}_us":' if name == "created_at" else f'"{name}":'
    return text.partition(marker)[2].partition(',"')[0]


def _root(block: BlockRow, transactions: Sequence[TransactionRow]) -> Iterator[Finding]:
    if not transactions:
        return
    forms = (
        [row.hash for row in transactions],
        [leaf_hash(row.content) for row in transactions],
        [leaf_hash(canonical(content_of(row))) for row in transactions],
    )
    if all(merkle_root(leaves) != block.merkle_root for leaves in forms):
        yield Finding(block.index, None, "merkle_root", "is not that of the block's transactions")


def _hash(
    block: BlockRow, transactions: Sequence[TransactionRow], after: BlockRow | None, *, is_named: bool
) -> Iterator[Finding]:
    computed = block_hash(header_of(block))
    if computed == block.hash:
        return
    if after is not None and after.previous_hash == computed:
        yield Finding(block.index, None, "hash", "is not that of the header; the next block has the right one")
    elif any(row.created_at != block.created_at for row in transactions):
        yield Finding(block.index, None, "created_at", "is not that of its transactions")
    elif not is_named:
        yield Finding(block.index, None, "hash", "is not that of the header")
