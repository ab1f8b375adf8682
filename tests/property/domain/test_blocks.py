"""Hashes of blocks: one text for each content, and no change of any leaf or field goes unnoticed."""

import hashlib
import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from lakehouse.domain.blocks import (
    ChainKind,
    Content,
    Header,
    block_hash,
    canonical,
    leaf_hash,
    merkle_root,
)
from lakehouse.domain.chain_audit import BlockRow, TransactionRow, check_anchor, check_block

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MOMENT = st.integers(0, 10**15).map(lambda micros: EPOCH + timedelta(microseconds=micros))
CONTENT = st.builds(
    Content,
    id=st.uuids(),
    block_index=st.integers(0, 2**63 - 1),
    position=st.integers(0, 1000),
    kind=st.sampled_from(["mint", "transfer"]),
    sender_account_id=st.none() | st.uuids(),
    receiver_account_id=st.uuids(),
    amount_minor=st.integers(1, 2**63 - 1),
    currency=st.just("SIM_COIN"),
    created_at=MOMENT,
)
HASH = st.binary(min_size=32, max_size=32)
HEADER = st.builds(
    Header,
    index=st.integers(0, 2**63 - 1),
    previous_hash=HASH,
    merkle_root=HASH,
    transaction_count=st.integers(1, 1000),
    created_at=MOMENT,
)


@given(CONTENT, CONTENT)
def test_equal_texts_are_equal_contents(one: Content, two: Content) -> None:
    assert (canonical(one) == canonical(two)) == (one == two)


@given(CONTENT)
def test_the_text_is_plain_json_that_says_everything(content: Content) -> None:
    said = json.loads(canonical(content))
    assert canonical(content).isascii()
    assert list(said) == sorted(said)
    assert (UUID(said["id"]), said["amount_minor"]) == (content.id, content.amount_minor)
    assert len(said) == len(fields(Content))


@given(CONTENT, st.data())
def test_every_field_is_in_the_hash(content: Content, data: st.DataObject) -> None:
    other = data.draw(CONTENT)
    for field in fields(Content):
        changed = replace(content, **{field.name: getattr(other, field.name)})
        assert (leaf_hash(canonical(changed)) == leaf_hash(canonical(content))) == (changed == content)


@given(HEADER, HEADER)
def test_every_field_of_a_header_is_in_its_hash(header: Header, other: Header) -> None:
    for field in fields(Header):
        changed = replace(header, **{field.name: getattr(other, field.name)})
        assert (block_hash(changed) == block_hash(header)) == (changed == header)


@given(st.lists(HASH, min_size=1, max_size=40, unique=True), st.data())
def test_a_root_belongs_to_its_leaves_in_their_order(leaves: list[bytes], data: st.DataObject) -> None:
    root = merkle_root(leaves)
    place = data.draw(st.integers(0, len(leaves) - 1))
    changed = [*leaves[:place], bytes(32 * [7]), *leaves[place + 1 :]]
    assert (merkle_root(changed) == root) == (changed == leaves)
    assert (merkle_root(leaves[::-1]) == root) == (len(leaves) == 1)
    assert merkle_root([*leaves, leaves[-1]]) != root


def test_a_tree_is_computed_as_it_is_documented() -> None:
    def digest(*parts: bytes) -> bytes:
        return hashlib.sha256(b"".join(parts)).digest()

    a, b, c = (leaf_hash(text) for text in "abc")
    assert a == digest(b"\x00", b"a")
    assert merkle_root([a]) == a
    assert merkle_root([a, b, c]) == digest(b"\x01", digest(b"\x01", a, b), c)
    with pytest.raises(ValueError, match="leaf"):
        merkle_root([])


def test_nodes_and_leaves_cannot_be_taken_for_each_other() -> None:
    a, b = leaf_hash("a"), leaf_hash("b")
    assert leaf_hash((a + b).decode("latin-1")) != merkle_root([a, b])


def _chain(length: int, size: int) -> list[tuple[BlockRow, list[TransactionRow]]]:
    """A right chain of blocks of `size` transfers."""
    made: list[tuple[BlockRow, list[TransactionRow]]] = []
    for index in range(length):
        rows = [_row(index, position) for position in range(size)]
        header = Header(
            index=index,
            previous_hash=made[-1][0].hash if made else bytes(32),
            merkle_root=merkle_root([row.hash for row in rows]),
            transaction_count=size,
            created_at=rows[0].created_at,
        )
        values = {field.name: getattr(header, field.name) for field in fields(Header)}
        made.append((BlockRow(**values, hash=block_hash(header)), rows))
    return made


def _row(index: int, position: int) -> TransactionRow:
    content = Content(
        id=UUID(int=index * 1000 + position),
        block_index=index,
        position=position,
        kind=ChainKind.TRANSFER,
        sender_account_id=UUID(int=1),
        receiver_account_id=UUID(int=2),
        amount_minor=100 + position,
        currency="SIM_COIN",
        created_at=EPOCH + timedelta(seconds=index),
    )
    text = canonical(content)
    values = {field.name: getattr(content, field.name) for field in fields(Content)}
    return TransactionRow(**values, content=text, hash=leaf_hash(text))


def _findings(chain: list[tuple[BlockRow, list[TransactionRow]]]) -> set[tuple[int | None, str]]:
    found: set[tuple[int | None, str]] = set()
    for place, (block, rows) in enumerate(chain):
        before = chain[place - 1][0] if place else None
        after = chain[place + 1][0] if place + 1 < len(chain) else None
        wrong = check_block(block, rows, expected_index=place, before=before, after=after)
        found |= {(each.block_index, each.field) for each in wrong}
    return found


@given(st.integers(1, 5), st.integers(1, 5))
def test_a_right_chain_has_no_finding(length: int, size: int) -> None:
    assert _findings(_chain(length, size)) == set()


OTHER: dict[str, Any] = {
    "previous_hash": bytes([9]) * 32,
    "merkle_root": bytes([9]) * 32,
    "hash": bytes([9]) * 32,
    "transaction_count": 77,
    "created_at": EPOCH - timedelta(days=1),
}


@pytest.mark.parametrize("field", sorted(OTHER))
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_changed_column_of_a_block_is_named(field: str, place: int) -> None:
    chain = _chain(3, 2)
    chain[place] = (replace(chain[place][0], **{field: OTHER[field]}), chain[place][1])
    assert _findings(chain) == {(place, field)}


CHANGED: dict[str, Any] = {
    "id": UUID(int=99),
    "position": 5,
    "kind": "mint",
    "sender_account_id": None,
    "receiver_account_id": UUID(int=99),
    "amount_minor": 1,
    "currency": "USD",
    "created_at": EPOCH - timedelta(days=1),
    "content": "{}",
    "hash": bytes([9]) * 32,
}


@pytest.mark.parametrize("field", sorted(CHANGED))
@pytest.mark.parametrize("place", [0, 2])
def test_a_changed_column_of_a_transaction_is_named(field: str, place: int) -> None:
    chain = _chain(3, 2)
    block, rows = chain[place]
    chain[place] = (block, [rows[0], replace(rows[1], **{field: CHANGED[field]})])
    assert _findings(chain) == {(place, field)}


def test_a_transaction_rewritten_as_a_whole_breaks_the_root() -> None:
    chain = _chain(3, 2)
    block, rows = chain[1]
    changed = replace(rows[0], amount_minor=10**9)
    text = canonical(Content(**{field.name: getattr(changed, field.name) for field in fields(Content)}))
    chain[1] = (block, [replace(changed, content=text, hash=leaf_hash(text)), rows[1]])
    assert _findings(chain) == {(1, "merkle_root")}


def test_a_missing_block_or_transaction_is_named() -> None:
    chain = _chain(4, 2)
    gone = [*chain[:1], *chain[2:]]
    found = check_block(gone[1][0], gone[1][1], expected_index=1, before=gone[0][0], after=gone[2][0])
    assert (1, "index") in {(each.block_index, each.field) for each in found}
    chain[3] = (chain[3][0], chain[3][1][:1])
    assert (3, "transaction_count") in _findings(chain)


def test_an_anchor_finds_a_chain_that_was_rewritten() -> None:
    block = _chain(1, 1)[0][0]
    assert check_anchor(block, 0, block.hash) == []
    assert check_anchor(block, 0, bytes(32))[0].field == "hash"
    assert check_anchor(None, 7, block.hash)[0].block_index == 7
