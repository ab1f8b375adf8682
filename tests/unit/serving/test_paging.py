"""Cursors come back as they went, and only to the list and filters that made them."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, strategies as st

from serving.kit.paging import (
    CURSOR_PATTERN,
    CursorMismatch,
    decode_cursor,
    encode_cursor,
    link_header,
    next_path,
    split,
)
from serving.risk.schemas import RiskMetricFilters
from serving.risk.service import criteria_of, cursor_key

KEYS = st.lists(st.text(max_size=40), min_size=1, max_size=5)


@given(KEYS, st.text(max_size=50))
def test_a_cursor_comes_back(key: list[str], scope: str) -> None:
    assert decode_cursor(encode_cursor(key, scope), scope) == key


@given(KEYS, st.text(max_size=20), st.text(max_size=20))
def test_another_list_refuses_it(key: list[str], scope: str, other: str) -> None:
    if scope != other:
        with pytest.raises(CursorMismatch):
            decode_cursor(encode_cursor(key, scope), other)


@given(st.from_regex(CURSOR_PATTERN, fullmatch=True))
def test_any_other_text_is_refused_and_never_breaks(cursor: str) -> None:
    with pytest.raises(CursorMismatch):
        decode_cursor(cursor, "list")


def test_one_row_more_than_the_limit_means_another_page() -> None:
    assert split([1, 2, 3], 2) == ([1, 2], True)
    assert split([1, 2], 2) == ([1, 2], False)
    assert split([], 2) == ([], False)


def test_the_next_path_keeps_the_filters_and_replaces_the_marker() -> None:
    path = next_path("/list", {"name": "a&b=c", "cursor": "old", "limit": 3, "none": None}, {"cursor": "new"})
    assert urlsplit(path).path == "/list"
    assert parse_qs(urlsplit(path).query) == {"name": ["a&b=c"], "limit": ["3"], "cursor": ["new"]}
    assert link_header(path) == {"Link": f'<{path}>; rel="next"'}
    assert link_header(None) == {}


@given(st.lists(st.text(max_size=12), max_size=7))
def test_a_well_made_cursor_with_a_wrong_key_is_refused_by_the_list(key: list[str]) -> None:
    path, filters = "/api/v1/risk-metrics", RiskMetricFilters.model_validate({})
    scope = f"{path}?{criteria_of(filters, None)}"
    crafted = filters.model_copy(update={"cursor": encode_cursor(key, scope)})
    with pytest.raises(CursorMismatch):
        cursor_key(crafted, scope)
