"""Who lets signals place orders in a portfolio, and what came of them."""

from uuid import uuid4

import httpx
import pytest

from lakehouse.stores import postgres
from tests.factories.api_users import api_user
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

PORTFOLIOS = "/api/v1/portfolios"
OUTCOME = """
    INSERT INTO app.signal_outcome (id, portfolio_id, signal_id, symbol, side, confidence, source, signaled_at, outcome,
                                    reason, decided_at)
    VALUES (%s, %s, %s, 'AAPL', 'buy', 0.4, 'nse_filings', now(), 'refused', 'confidence_low', now())
"""


@pytest.fixture
def api(served: Served) -> httpx.Client:
    """A user of its own."""
    return api_user(served.settings).client(served.api.url)


@pytest.fixture
def at(api: httpx.Client) -> str:
    """The path of a new portfolio of the user."""
    made = api.post(PORTFOLIOS, json={"name": f"p {uuid4().hex[:8]}"})
    return f"{PORTFOLIOS}/{made.json()['id']}"


def test_nothing_follows_signals_until_its_owner_says_so_and_none_after_they_say_no(api: httpx.Client, at: str) -> None:
    path = f"{at}/signal-policy"
    assert (api.get(path).status_code, api.get(path).json()["code"]) == (404, "no_signal_policy")
    assert api.delete(path).status_code == 404

    made = api.put(path, json={"sources": ["nse_filings"], "min_confidence": "0.8", "sides": "buy"})

    assert made.status_code == 200, made.text
    told = made.json()
    assert (told["is_active"], told["sources"], told["sides"]) == (True, ["nse_filings"], "buy")
    assert (told["min_confidence"], told["max_share"], told["version"]) == ("0.8", "0.05", 1)
    assert api.get(path).json() == told
    again = api.put(path, json={"sources": ["other"], "is_active": False}, headers={"If-Match": '"1"'})
    assert (again.json()["version"], again.json()["is_active"], again.headers["etag"]) == (2, False, '"2"')
    assert api.put(path, json={"sources": ["other"]}, headers={"If-Match": '"1"'}).status_code == 412
    assert api.put(path, json={"sources": []}).status_code == 422
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_a_portfolio_of_somebody_else_does_not_exist(served: Served, api: httpx.Client, at: str) -> None:
    other = api_user(served.settings).client(served.api.url)
    assert api.put(f"{at}/signal-policy", json={"sources": ["nse_filings"]}).status_code == 200
    for answer in (
        other.get(f"{at}/signal-policy"),
        other.put(f"{at}/signal-policy", json={"sources": ["nse_filings"]}),
        other.delete(f"{at}/signal-policy"),
        other.get(f"{at}/signal-outcomes"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "portfolio_not_found")


def test_what_came_of_signals_is_told_page_by_page(served: Served, api: httpx.Client, at: str) -> None:
    ids = sorted(uuid4() for _ in range(3))
    with postgres.connect(served.settings.postgres) as connection:
        for each in ids:
            connection.execute(OUTCOME, (each, at.rpartition("/")[2], uuid4()))

    first = api.get(f"{at}/signal-outcomes", params={"limit": 2}).json()
    second = api.get(first["next"]).json()

    assert [each["id"] for each in (*first["data"], *second["data"])] == [str(each) for each in ids]
    assert (second["has_more"], second["next"]) == (False, None)
    told = first["data"][0]
    assert (told["outcome"], told["reason"], told["order_id"]) == ("refused", "confidence_low", None)
    assert api.get(f"{at}/signal-outcomes", params={"outcome": "ordered"}).json()["data"] == []
