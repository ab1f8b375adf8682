"""Weights are asked for by what is made, and by their owner; what came of it is told."""

from uuid import uuid4

import httpx
import pytest

from lakehouse.stores import postgres
from tests.factories.api_users import api_user
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

PORTFOLIOS = "/api/v1/portfolios"


@pytest.fixture
def api(served: Served) -> httpx.Client:
    """A user of its own."""
    return api_user(served.settings).client(served.api.url)


def portfolio(api: httpx.Client) -> str:
    made = api.post(PORTFOLIOS, json={"name": f"p {uuid4().hex[:8]}"})
    assert (made.status_code, made.json()["allocation_status"]) == (201, "pending")
    return str(made.json()["id"])


def settle(served: Served, portfolio_id: str, status: str, reason: str) -> None:
    with postgres.connect(served.settings.postgres) as connection:
        connection.execute(
            "UPDATE app.allocation SET status = %s, reason = %s, done_at = now() WHERE portfolio_id = %s",
            (status, reason, portfolio_id),
        )


def test_a_portfolio_waits_from_its_making_on_and_says_what_came_of_it(served: Served, api: httpx.Client) -> None:
    found = portfolio(api)
    at = f"{PORTFOLIOS}/{found}/allocation"
    told = api.get(at).json()
    assert (told["status"], told["reason"], told["done_at"], told["proposal_id"]) == ("pending", "", None, None)

    settle(served, found, "failed", "no close on 2022-12-28 of AAA")

    told = api.get(at).json()
    assert (told["status"], told["reason"]) == ("failed", "no close on 2022-12-28 of AAA")
    assert api.get(f"{PORTFOLIOS}/{found}").json()["allocation_status"] == "failed"


def test_portfolios_of_a_batch_wait_too(api: httpx.Client) -> None:
    made = api.post(f"{PORTFOLIOS}/batch", json=[{"name": f"b {n} {uuid4().hex[:6]}"} for n in range(3)])
    assert [each["allocation_status"] for each in made.json()] == ["pending"] * 3


def test_its_owner_asks_again_and_nobody_else_does(served: Served, api: httpx.Client) -> None:
    found = portfolio(api)
    at = f"{PORTFOLIOS}/{found}/allocation"
    settle(served, found, "ready", "")
    assert api.get(at).json()["status"] == "ready"

    asked = api.post(at)
    assert (asked.status_code, asked.json()["status"]) == (202, "pending")
    assert api.post(at).json()["status"] == "pending"

    with api_user(served.settings).client(served.api.url) as other:
        assert [other.get(at).status_code, other.post(at).status_code] == [404, 404]


def test_a_portfolio_of_before_nobody_asked_for(served: Served, api: httpx.Client) -> None:
    found = portfolio(api)
    with postgres.connect(served.settings.postgres) as connection:
        connection.execute("DELETE FROM app.allocation WHERE portfolio_id = %s", (found,))

    answer = api.get(f"{PORTFOLIOS}/{found}/allocation")

    assert (answer.status_code, answer.json()["code"]) == (404, "no_allocation")
    assert api.get(f"{PORTFOLIOS}/{found}").json()["allocation_status"] is None
