"""Who calls behind which proxy, and which page may."""

from typing import Any

import pytest
from hypothesis import given, strategies as st
from starlette.requests import HTTPConnection

from serving.kit import cors
from serving.kit.bodies import MAX_DEPTH, is_too_deep
from serving.kit.security import CrossSiteRefused, Proxies, ProxySettingsError, is_loopback, refuse_cross_site


def scope(peer: str, *forwarded: str) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", text.encode()) for text in forwarded]
    return {"type": "http", "client": (peer, 1), "headers": headers}


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "caller"),
    [
        ((), "192.0.2.7", ("198.51.100.1",), "192.0.2.7"),
        (("10.0.0.0/8",), "192.0.2.7", ("198.51.100.1",), "192.0.2.7"),
        (("10.0.0.0/8",), "10.1.1.1", ("198.51.100.1",), "198.51.100.1"),
        (("10.0.0.0/8",), "10.1.1.1", ("203.0.113.9, 198.51.100.1, 10.2.2.2",), "198.51.100.1"),
        (("10.0.0.0/8",), "10.1.1.1", ("203.0.113.9", "198.51.100.1"), "198.51.100.1"),
        (("10.0.0.0/8",), "10.1.1.1", (), "10.1.1.1"),
        (("10.0.0.0/8",), "10.1.1.1", ("garbage",), "unknown"),
        (("10.0.0.0/8",), "10.1.1.1", ("10.9.9.9",), "10.1.1.1"),
    ],
)
def test_only_what_a_trusted_proxy_adds_is_believed(
    trusted: tuple[str, ...], peer: str, forwarded: tuple[str, ...], caller: str
) -> None:
    assert Proxies.of(trusted).caller(scope(peer, *forwarded)) == caller


@given(st.lists(st.ip_addresses().map(str), max_size=5))
def test_who_writes_the_header_themselves_changes_nothing(invented: list[str]) -> None:
    """The proxy appends the real address: whatever stands left of it does not count."""
    proxies = Proxies.of(("10.0.0.1",))
    assert proxies.caller(scope("10.0.0.1", ", ".join([*invented, "192.0.2.1"]))) == "192.0.2.1"


def test_a_proxy_that_is_no_network_is_an_error_of_the_settings() -> None:
    with pytest.raises(ProxySettingsError):
        Proxies.of(("proxy.example",))


@pytest.mark.parametrize("origin", ["*", "https://*", "example.com", "https://example.com/", "ftp://example.com", ""])
def test_what_is_no_origin_is_an_error_of_the_settings(origin: str) -> None:
    with pytest.raises(cors.OriginSettingsError):
        cors.checked((origin,))


@pytest.mark.parametrize(
    ("headers", "is_refused"),
    [
        ({}, True),
        ({"x-requested-with": "a"}, False),
        ({"x-requested-with": "a", "origin": "http://api.example"}, False),
        ({"x-requested-with": "a", "origin": "https://app.example"}, False),
        ({"x-requested-with": "a", "origin": "https://app.example", "sec-fetch-site": "cross-site"}, False),
        ({"x-requested-with": "a", "origin": "http://api.example.evil"}, True),
        ({"x-requested-with": "a", "origin": "null"}, True),
        ({"x-requested-with": "a", "sec-fetch-site": "cross-site"}, True),
        ({"x-requested-with": "", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "http://api.example", "sec-fetch-site": "same-origin"}, True),
    ],
)
def test_a_cookie_counts_only_on_requests_of_our_own_pages(headers: dict[str, str], is_refused: bool) -> None:
    raw = [(name.encode(), value.encode()) for name, value in {"host": "api.example", **headers}.items()]
    connection = HTTPConnection({"type": "http", "headers": raw})
    if is_refused:
        with pytest.raises(CrossSiteRefused):
            refuse_cross_site(connection, {"https://app.example"})
    else:
        refuse_cross_site(connection, {"https://app.example"})


@pytest.mark.parametrize(
    ("host", "answer"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("api", False)]
)
def test_loopback(host: str, answer: bool) -> None:
    assert is_loopback(host) is answer


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='[]{}"\\a\n', max_size=200),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(alphabet='[{"\\', max_size=5), inner, max_size=5)
    ),
    max_leaves=60,
)


@given(json, st.integers(1, 7))
def test_brackets_in_strings_are_no_depth(value: object, size: int) -> None:
    import json as encoder

    body = encoder.dumps([value, ["[[[{" * 30]]).encode()
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    assert not is_too_deep([body])
    assert not is_too_deep(chunks)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_depth_is_refused_from_one_level_too_many(opening: bytes) -> None:
    assert not is_too_deep([opening * MAX_DEPTH])
    assert is_too_deep([opening * (MAX_DEPTH + 1)])
    assert is_too_deep([b'["' + b"x" * 10 + b'",' + opening * MAX_DEPTH])
