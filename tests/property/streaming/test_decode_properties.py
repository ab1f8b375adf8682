"""Decoding, for any message: none is lost, order is kept, and a message's fate does not hang on its neighbours."""

import json
from typing import Any

from hypothesis import given, settings, strategies as st

from lakehouse.contracts.topics import TICKS
from streaming.kit.decode import Decoder

TEXT = st.text(max_size=8)
JSON_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "symbol": TEXT,
    "event_time_us": st.integers(-(2**63), 2**63 - 1),
    "kind": st.sampled_from(["trade", "quote"]),
    "provider": TEXT,
    "sequence": st.integers(0, 2**40),
}
NUMBER = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 10**6)
CLEAN = st.fixed_dictionaries(FIELDS, optional={"price": NUMBER, "size": NUMBER, "exchange": st.none() | TEXT})
DIRTY = st.dictionaries(st.sampled_from([*FIELDS, "price", "size", "x", "_extra"]), JSON_VALUE, max_size=6)
MESSAGE = (
    CLEAN.map(lambda row: json.dumps(row, separators=(",", ":")).encode())
    | CLEAN.map(lambda row: json.dumps(row, ensure_ascii=False).encode(errors="replace"))
    | DIRTY.map(lambda row: json.dumps(row).encode())
    | st.binary(max_size=40)
    | st.sampled_from([b"", b"null", b"{}", b"{}{}", b'{"a":1}\n', b"}\n{", b'{"x":null}null{"y":1}'])
)


def decoder() -> Decoder:
    return Decoder(TICKS, max_message_bytes=10_000)


@settings(deadline=None, max_examples=200)
@given(st.lists(MESSAGE, max_size=8))
def test_every_message_is_a_row_or_bad_and_order_is_kept(messages: list[bytes]) -> None:
    decoded = decoder().decode(messages)

    bad = [found.index for found in decoded.bad]
    assert sorted([*decoded.index.tolist(), *bad]) == list(range(len(messages)))
    assert decoded.index.tolist() == sorted(decoded.index.tolist())
    assert bad == sorted(bad)
    assert decoded.rows.num_rows == len(decoded.index)


@settings(deadline=None, max_examples=200)
@given(st.lists(MESSAGE, min_size=2, max_size=6))
def test_a_messages_fate_does_not_depend_on_its_neighbours(messages: list[bytes]) -> None:
    together = decoder().decode(messages)

    rows = dict(zip(together.index.tolist(), together.rows.to_pylist(), strict=True))
    verdicts = {found.index: (found.reason, found.raw) for found in together.bad}
    for index, message in enumerate(messages):
        alone = decoder().decode([message])
        assert [(found.reason, found.raw) for found in alone.bad] == ([verdicts[index]] if index in verdicts else [])
        assert alone.rows.to_pylist() == ([rows[index]] if index in rows else [])


@settings(deadline=None, max_examples=100)
@given(st.lists(CLEAN, min_size=1, max_size=5))
def test_clean_messages_come_back_as_they_were(rows: list[dict[str, Any]]) -> None:
    decoded = decoder().decode([json.dumps(row).encode() for row in rows])

    assert decoded.bad == ()
    for sent, found in zip(rows, decoded.rows.to_pylist(), strict=True):
        assert {name: found[name] for name in sent} == sent
