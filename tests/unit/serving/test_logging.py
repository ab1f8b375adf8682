"""Log lines name their request, and tell no secret whatever form it comes in."""

import io
import json
import logging

import pytest
import structlog
from hypothesis import given, strategies as st

from serving.kit import logs
from serving.kit.context import CURRENT, given_trace_id
from serving.kit.redaction import REDACTED, redact, redact_text

JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
KEY = "td_0199f3a1b2c3_s3cr3tpart0fthekey"
HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g"
WORDS = st.dictionaries(
    st.sampled_from(["note", "n", "place"]),
    st.text() | st.integers() | st.booleans() | st.none() | st.lists(st.text(), max_size=3),
)


@pytest.fixture
def lines() -> "list[dict[str, object]]":
    """Logging set up as in the process, written here instead of standard error; the lines so far at each read."""
    logs.configure()
    return []


def written(*events: "tuple[str, dict[str, object]]") -> str:
    stream = io.StringIO()
    root = logging.getLogger()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(stream)
    try:
        for event, values in events:
            structlog.get_logger("test").info(event, **values)
    finally:
        handler.setStream(before or stream)
    return stream.getvalue()


@pytest.mark.usefixtures("lines")
class TestLines:
    def test_a_line_carries_request_trace_and_user(self) -> None:
        token = CURRENT.set({"request_id": "r1", "trace_id": "t1", "user_id": "u1", "other": "not told"})
        try:
            line = json.loads(written(("hello", {"n": 1})))
        finally:
            CURRENT.reset(token)
        assert {name: line[name] for name in ("event", "request_id", "trace_id", "user_id", "n", "level")} == {
            "event": "hello",
            "request_id": "r1",
            "trace_id": "t1",
            "user_id": "u1",
            "n": 1,
            "level": "info",
        }
        assert "other" not in line

    def test_no_form_of_a_secret_is_written(self) -> None:
        text = written(
            ("headers", {"headers": {"Authorization": f"Bearer {JWT}", "Cookie": "refresh=abc123def", "n": 7}}),
            (f"failed with {JWT} at http://tidemark:hunter22@db/x", {"password": "hunter22", "api_key": KEY}),
            ("nested", {"body": [{"refresh_token": "abc123def", "note": f"key {KEY}"}], "hash": HASH}),
            ("said", {"error": "password=hunter22 token: abc123def"}),
        )
        for secret in (JWT, "hunter22", KEY, "abc123def", "aGFzaGhhc2g"):
            assert secret not in text
        assert text.count(REDACTED) >= 8
        assert json.loads(text.splitlines()[0])["headers"]["n"] == 7

    def test_an_exception_with_a_token_in_it_is_cleaned(self) -> None:
        try:
            raise ValueError(f"cannot use Bearer {JWT}")
        except ValueError:
            text = written(("boom", {"exc_info": True}))
        assert JWT not in text
        assert "ValueError" in text


@given(WORDS)
def test_what_is_no_secret_stays(values: dict[str, object]) -> None:
    harmless = {name: value for name, value in values.items() if redact_text(str(value)) == str(value)}
    assert redact(harmless) == harmless


@given(st.text(alphabet="abcdefABCDEF0123456789_-", min_size=12, max_size=60), st.text(max_size=30))
def test_a_bearer_token_anywhere_in_a_text_goes(token: str, around: str) -> None:
    assert token not in redact_text(f"{around} Bearer {token} tail").replace(around, "")


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", None),
        ("rubbish", None),
    ],
)
def test_a_trace_is_taken_where_it_is_well_formed(header: str, found: str | None) -> None:
    assert given_trace_id({"headers": [(b"traceparent", header.encode())]}) == found
