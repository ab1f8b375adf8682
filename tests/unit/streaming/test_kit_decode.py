"""Decoding: the columnar way, the careful way, and what neither lets through."""

import json
from decimal import Decimal

import pytest

from lakehouse.contracts.model import Topic
from lakehouse.contracts.reasons import Reason
from lakehouse.contracts.topics import BARS_DAILY, TICKS, TOPICS, books
from streaming.kit.decode import Decoded, Decoder

LIMIT = 1_000
GOOD = b'{"symbol":"AAPL","event_time_us":1,"kind":"trade","provider":"p","sequence":1,"price":1.5}'


def decode(*messages: bytes | None, topic: Topic = TICKS) -> Decoded:
    return Decoder(topic, max_message_bytes=LIMIT).decode(messages)


@pytest.mark.parametrize("topic", TOPICS.values(), ids=lambda topic: topic.name)
def test_the_contracts_own_examples_decode(topic: Topic) -> None:
    decoded = decode(*(example.encode() for example in topic.examples), topic=topic)

    assert decoded.bad == ()
    assert decoded.rows.num_rows == len(topic.examples)
    assert decoded.rows[topic.key].to_pylist() == [json.loads(example)[topic.key] for example in topic.examples]


def test_a_nested_field_comes_back_as_the_json_that_it_was() -> None:
    (example, _) = books.PORTFOLIO.examples
    payload = {"price": "0.10", "deep": [{"a": None}, 1.5, 12345678901234567890, "é}{"]}
    message = {**json.loads(example), "payload": payload, "added": {"later": True}}

    decoded = decode(json.dumps(message).encode(), topic=books.PORTFOLIO)

    assert decoded.bad == ()
    assert json.loads(decoded.rows["payload"][0].as_py()) == payload
    assert json.loads(decoded.rows["_extra"][0].as_py()) == {"added": {"later": True}}


@pytest.mark.parametrize("payload", ['"text"', "7", "[1]", "true"])
def test_a_nested_field_is_an_object_or_the_message_is_set_aside(payload: str) -> None:
    (example, _) = books.PORTFOLIO.examples
    message = {**json.loads(example), "payload": None}
    poison = json.dumps(message).replace("null", payload).encode()

    decoded = decode(example.encode(), poison, example.encode(), topic=books.PORTFOLIO)

    assert [(bad.index, bad.reason) for bad in decoded.bad] == [(1, Reason.WRONG_TYPE)]
    assert decoded.index.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", Reason.UNPARSABLE),
        (None, Reason.UNPARSABLE),
        (b"null", Reason.UNPARSABLE),
        (b"5", Reason.UNPARSABLE),
        (b"[]", Reason.UNPARSABLE),
        (b"not json", Reason.UNPARSABLE),
        (GOOD[:-1], Reason.UNPARSABLE),
        (GOOD + GOOD, Reason.UNPARSABLE),
        (GOOD + b"null" + GOOD, Reason.UNPARSABLE),
        (b'{"symbol":"\xff"}', Reason.UNPARSABLE),
        (b'{"unknown":"\xff\xfe"}', Reason.UNPARSABLE),
        (b'{"symbol":"\\ud83d"}', Reason.UNPARSABLE),
        (b'{"x":' + b"[" * 400 + b"]" * 400 + b"}1", Reason.UNPARSABLE),
        (GOOD.replace(b"1.5", b"NaN"), Reason.UNPARSABLE),
        (GOOD.replace(b"1.5", b"Infinity"), Reason.UNPARSABLE),
        (GOOD.replace(b"1.5", b"1e999"), Reason.WRONG_TYPE),
        (GOOD.replace(b"1.5", b'"1.5"'), Reason.WRONG_TYPE),
        (GOOD.replace(b'"AAPL"', b"7"), Reason.WRONG_TYPE),
        (GOOD.replace(b'"sequence":1', b'"sequence":9223372036854775808'), Reason.WRONG_TYPE),
        (GOOD.replace(b'"event_time_us":1', b'"event_time_us":"today"'), Reason.UNPARSABLE_TIME),
        (GOOD[:-1] + b',"x":"' + b"y" * LIMIT + b'"}', Reason.OVERSIZED),
    ],
)
def test_poison_is_set_aside_and_its_neighbours_are_not(message: bytes | None, reason: Reason) -> None:
    decoded = decode(GOOD, message, GOOD)

    (bad,) = decoded.bad
    assert (bad.index, bad.reason, bad.raw) == (1, reason, (message or b"")[:LIMIT])
    assert decoded.index.tolist() == [0, 2]
    assert decoded.rows.num_rows == 2


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("close", "1.123456789", Reason.WRONG_TYPE),
        ("close", "12345678901", Reason.WRONG_TYPE),
        ("close", "NaN", Reason.WRONG_TYPE),
        ("close", "sNaN", Reason.WRONG_TYPE),
        ("close", "1e400000", Reason.WRONG_TYPE),
        ("close", "", Reason.WRONG_TYPE),
        ("business_date", "2022-13-01", Reason.UNPARSABLE_TIME),
        ("business_date", "01/02/2022", Reason.UNPARSABLE_TIME),
        ("volume", 1.5, Reason.WRONG_TYPE),
    ],
)
def test_a_bar_whose_values_do_not_fit_is_set_aside(field: str, value: object, reason: Reason) -> None:
    good = BARS_DAILY.examples[1].encode()

    decoded = decode(good, json.dumps({**json.loads(good), field: value}).encode(), topic=BARS_DAILY)

    (bad,) = decoded.bad
    assert (bad.index, bad.reason) == (1, reason)
    assert decoded.rows["close"].to_pylist() == [Decimal("182.01")]


def test_pretty_printed_nested_and_spaced_messages_are_rows() -> None:
    pretty = json.dumps(json.loads(GOOD), indent=2).encode()
    nested = GOOD[:-1] + b',"book":{"bids":[[1.5,2]]}}'

    decoded = decode(GOOD, pretty, b"  " + GOOD + b"\n", nested)

    assert decoded.bad == ()
    assert decoded.rows["price"].to_pylist() == [1.5] * 4
    assert decoded.rows["_extra"].to_pylist() == [None, None, None, '{"book":{"bids":[[1.5,2]]}}']


def test_an_added_field_lands_as_it_was_written() -> None:
    added = GOOD[:-1] + b',"note":"2020-01-01","tier":null,"venue_id":007}'.replace(b"007", b"7.50")

    decoded = decode(GOOD, added)

    assert decoded.bad == ()
    assert decoded.rows["_extra"].to_pylist() == [None, '{"note":"2020-01-01","tier":null,"venue_id":7.50}']


def test_an_added_field_may_change_its_type() -> None:
    decoded = decode(GOOD[:-1] + b',"note":1}', GOOD[:-1] + b',"note":"x"}')

    assert decoded.rows["_extra"].to_pylist() == ['{"note":1}', '{"note":"x"}']


def test_an_envelope_is_refused_in_its_producers_words() -> None:
    envelope = {
        "_reject": "unparsable_time",
        "_detail": "date is '31/31/2020'",
        "_source": "prices.csv:17",
        "_raw": "A,é",
    }

    (bad,) = decode(GOOD, json.dumps(envelope).encode()).bad

    assert bad.reason is Reason.UNPARSABLE_TIME
    assert (bad.detail, bad.source, bad.raw) == ("date is '31/31/2020'", "prices.csv:17", "A,é".encode())


def test_an_envelope_with_an_unknown_reason_is_still_kept() -> None:
    (bad,) = decode(b'{"_reject":"because","_detail":"so"}').bad

    assert bad.reason is Reason.UNPARSABLE
    assert "'because'" in bad.detail
    assert bad.raw == b'{"_reject":"because","_detail":"so"}'


def test_no_messages_make_no_rows() -> None:
    assert decode().rows.num_rows == 0


def test_only_bad_messages_make_no_rows() -> None:
    decoded = decode(b"x", b"y")

    assert decoded.rows.num_rows == 0
    assert [bad.index for bad in decoded.bad] == [0, 1]
