"""The committed documents are what the code publishes, and break no client of the last release unless that is named."""

import json

import pytest

from serving import published

WRITE = "the API's document has changed: run `tidemark api-schema --write` and read the diff"


@pytest.fixture(scope="module")
def now() -> dict[str, published.Document]:
    return published.documents()


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
def test_the_committed_document_is_what_the_code_publishes(now: dict[str, published.Document], name: str) -> None:
    assert (published.FOLDER / f"{name}.json").read_text() == published.text_of(now[name]), WRITE


def test_no_client_of_the_last_release_breaks_unless_that_is_named(now: dict[str, published.Document]) -> None:
    found = set(published.breaks(json.loads(published.BASELINE.read_text()), now))
    accepted = published.accepted()
    assert found - accepted.keys() == set(), "name them in docs/api/breaks.toml, or keep what clients use"
    assert accepted.keys() - found == set(), "these breaks are none any more: take them out of docs/api/breaks.toml"
    assert all(reason.strip() for reason in accepted.values())


def test_the_baseline_would_notice() -> None:
    baseline = json.loads(published.BASELINE.read_text())
    assert len(baseline["openapi"]["paths"]) > 100
    without: dict[str, published.Document] = {"openapi": {}, "asyncapi": {}}
    found = published.breaks(baseline, without)
    assert "GET /api/v1/orders: removed" in found
    assert "/ws/quotes: removed" in found


def test_shapes_leave_words_out_and_names_in() -> None:
    form = {"description": "a form", "properties": {"description": {"type": "string", "title": "Description"}}}
    assert published.shapes({"schemas": {"Form": form}}) == {
        "schemas": {"Form": {"properties": {"description": {"type": "string"}}}}
    }
