"""The compiled reader of ticks, beside decoder and contract: what it takes they take, bit for bit, and it takes what
feeds send."""

import json
from typing import Any

import numpy as np
from hypothesis import example, given, settings, strategies as st

from lakehouse.contracts.topics import TICKS
from streaming.hot.batch import FUTURE_US
from streaming.hot.ticks import Raw, Reader, read_rows
from streaming.kit.decode import Decoder
from streaming.kit.names import names_of, places
from streaming.kit.scan import scan
from streaming.kit.source import Chunk

LIMIT = 400
NOW_US = 1_700_000_000_000_000
CENTS = st.integers(1, 10**9).map(lambda cents: cents / 100)
SIZE = st.integers(0, 10**6) | st.integers(0, 10**6).map(float)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "symbol": st.sampled_from(["A", "BRK.B", "EUR/USD", "S0001", "RELIANCE-EQ"]),
    "event_time_us": st.integers(0, NOW_US),
    "kind": st.just("trade"),
    "provider": st.sampled_from(["simulated", "file"]),
    "sequence": st.integers(0, 10**12),
    "price": CENTS,
}
OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "size": SIZE | st.none(),
    "bid_price": CENTS,
    "ask_price": CENTS | st.none(),
    "ask_size": SIZE,
    "exchange": st.sampled_from(["NYSE", "", None]),
    "condition": st.none(),
}
PLAIN = st.fixed_dictionaries(FIELDS, optional=OPTIONAL)
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["trade", "quote", "ohlcv", "", "\\", '"', "é"]),
    st.lists(st.integers(), max_size=2),
    st.integers(NOW_US - 1, NOW_US + 10_000_000),
)
NAMES = [field.name for field in TICKS.fields]


def written(row: dict[str, Any]) -> bytes:
    return json.dumps(row, separators=(",", ":")).encode()


def spaced(row: dict[str, Any]) -> bytes:
    return json.dumps(row, indent=1, ensure_ascii=False).encode(errors="replace")


ALMOST = st.builds(
    lambda row, name, value: {**row, name: value}, PLAIN, st.sampled_from([*NAMES, "venue", "_reject"]), ODD
)
LESS = st.builds(lambda row, name: {key: row[key] for key in row if key != name}, PLAIN, st.sampled_from(NAMES))
DENTED = st.builds(
    lambda message, at, byte: message[: at % len(message)] + byte + message[at % len(message) + 1 :],
    PLAIN.map(written),
    st.integers(0, 300),
    st.sampled_from([b"", b"0", b".", b"-", b"e", b",", b"}", b'"', b"\\", b" ", b"\x00", b"\xff", b"null"]),
)
MESSAGE: st.SearchStrategy[bytes | None] = st.one_of(
    PLAIN.map(written),
    PLAIN.map(spaced),
    ALMOST.map(written),
    ALMOST.map(spaced),
    LESS.map(written),
    DENTED,
    st.none(),
    st.sampled_from([b"", b"{}", b"null", b"[]", b'{"symbol":"A"}{"symbol":"B"}']),
)
NUMBER = '{"symbol":"A","event_time_us":1,"kind":"trade","provider":"p","sequence":1,"price":%s}'


def with_(**fields: object) -> bytes:
    """A trade that nobody would refuse, but for these fields."""
    return written({**json.loads(NUMBER % "1"), **fields})


def chunk_of(messages: list[bytes | None]) -> Chunk:
    count = len(messages)
    zero, late = np.zeros(count, np.int64), np.full(count, NOW_US)
    return Chunk(messages, zero, np.arange(count), late, [None] * count, 0, {})


def slowly(chunk: Chunk) -> Raw:
    """By the decoder and the contract alone."""
    found = Decoder(TICKS, max_message_bytes=LIMIT).decode(chunk.values)
    columns = (column[found.index] for column in (chunk.partition, chunk.offset, chunk.kafka_ts_us))
    return read_rows(found.rows, *columns, unparsable=len(found.bad))


def rows(raw: Raw) -> dict[int, tuple[object, ...]]:
    """By offset; numbers as their bits."""
    text = raw.text.tobytes()
    columns = (raw.price, raw.size, raw.bid, raw.bid_size, raw.ask, raw.ask_size)
    bits = [np.where(np.isnan(column), np.nan, column).view(np.int64).tolist() for column in columns]
    places_ = zip(raw.start.tolist(), raw.length.tolist(), raw.at_us.tolist(), raw.seq.tolist(), *bits, strict=True)
    return {
        offset: (text[start : start + length], *rest)
        for offset, (start, length, *rest) in zip(raw.offset.tolist(), places_, strict=True)
    }


@settings(deadline=None, max_examples=400)
@given(st.lists(MESSAGE, max_size=6))
@example([(NUMBER % text).encode() for text in ("0.1", "1e3", "-1", "01", "1.", ".5", "0", "0.0", "9007199254740993")])
@example([(NUMBER % text).encode() for text in ("123456789.123456789", "0.000000000000000001", "1.0000000000000002")])
@example(
    [(NUMBER % text).encode() for text in ("523496474.603100760", "5717737266.2379442")]
)  # two roundings would show
@example([b'{"symbol":"A","symbol":"B",' + (NUMBER % "1").encode()[14:]])
@example([with_(provider="\x7f"), with_(provider="x" * LIMIT), with_(event_time_us=NOW_US + FUTURE_US + 1)])
@example([with_(event_time_us=NOW_US + FUTURE_US), with_(provider="p").replace(b'"p"', b'"\xff"')])
def test_messages_are_read_as_the_decoder_and_the_contract_read_them(messages: list[bytes | None]) -> None:
    chunk = chunk_of(messages)
    ours, theirs = Reader(max_message_bytes=LIMIT).decoded(chunk), slowly(chunk)
    assert rows(ours) == rows(theirs)
    assert dict(ours.ignored) == dict(theirs.ignored)


@settings(deadline=None, max_examples=200)
@given(st.lists(PLAIN, min_size=1, max_size=6))
def test_what_feeds_send_is_left_to_nobody(plain: list[dict[str, Any]]) -> None:
    late = np.full(len(plain), NOW_US)
    for encode in (written, spaced):
        assert scan([encode(row) for row in plain], late, max_message_bytes=10_000).sure.all()


def test_the_contracts_own_examples_are_read_by_the_loop() -> None:
    examples = [example.encode() for example in TICKS.examples]
    assert scan(examples, np.full(len(examples), NOW_US), max_message_bytes=LIMIT).sure.all()


@settings(deadline=None, max_examples=200)
@given(st.lists(st.text(max_size=5), max_size=40), st.lists(st.text(max_size=5), max_size=40))
def test_a_symbol_has_the_place_of_its_first_mention(known: list[str], asked: list[str]) -> None:
    asked = [*asked, *known]
    encoded = [name.encode(errors="surrogatepass") for name in asked]
    length = np.array([len(name) for name in encoded], dtype=np.int64)
    text = np.frombuffer(b"".join(encoded) or b"-", np.uint8)
    found = places(names_of(known), text, np.cumsum(length) - length, length)
    assert found.tolist() == [known.index(name) if name in known else -1 for name in asked]
