"""An admin stops trading for a user, a portfolio or everybody: new orders are rejected, cancels go through."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from lakehouse.clock import epoch_us
from lakehouse.trading.venue import EVERYBODY
from streaming.hot.changes import HALTS as HALTED, Change, Sight
from streaming.hot.reading import Asked, changes
from tests.factories.api_users import api_user
from tests.factories.trading import Desk, desks
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

HALTS, ORDERS = "/api/v1/admin/halts", "/api/v1/orders"


def order(client: httpx.Client, portfolio: UUID) -> dict[str, Any]:
    body = {"portfolio_id": str(portfolio), "symbol": "AAPL", "side": "buy", "quantity": "1", "type": "limit"}
    terms = {"limit_price": "100", "time_in_force": "gtc"}
    answer = client.post(ORDERS, json=body | terms, headers={"Idempotency-Key": str(uuid4())})
    return {"http": answer.status_code, **answer.json()}


def halted(desk: Desk) -> Change:
    """What the hot process reads of it."""
    asked = Asked(frozenset(), frozenset())
    return desk.run(lambda connection: changes(connection, Sight(), asked, clock=desk.clock))


def lifted_us(lifted: dict[str, Any]) -> int:
    return epoch_us(datetime.fromisoformat(lifted["lifted_at"]))


def test_a_switch_rejects_new_orders_until_it_is_lifted(served: Served) -> None:
    admin, user = served.api.client, api_user(served.settings)
    with desks(served.settings) as make, user.client(served.api.url) as client:
        desk, other = make(owner_id=user.id), make(owner_id=user.id)
        for each in (desk, other):
            each.deposit(1_000_000)
        standing = order(client, desk.portfolio_id)
        assert standing["http"] == 201
        own, both = str(desk.portfolio_id), sorted([str(desk.portfolio_id), str(other.portfolio_id)])
        before: dict[str, int] = {}
        for whom, other_status, stopped in (
            ({"portfolio_id": own}, 201, [own]),
            ({"user_id": str(user.id)}, 409, both),
            ({}, 409, [EVERYBODY]),
        ):
            made = admin.post(HALTS, json={**whom, "reason": "a drill"})
            assert made.status_code == 201, made.text
            read = halted(desk)[HALTED]
            assert [name for name, until in read.items() if until is True] == stopped
            assert {name: until for name, until in read.items() if until is not True} == {
                name: until for name, until in before.items() if name not in stopped
            }
            refused = order(client, desk.portfolio_id)
            assert (refused["http"], refused["rule"]) == (409, "trading_halted")
            assert "a drill" in refused["detail"]
            assert order(client, other.portfolio_id)["http"] == other_status
            again = admin.post(HALTS, json={**whom, "reason": "a drill"})
            assert (again.status_code, again.json()["code"]) == (409, "halt_refused")
            replaced = client.patch(f"{ORDERS}/{standing['id']}", json={"limit_price": "99"})
            assert (replaced.status_code, replaced.json()["rule"]) == (409, "trading_halted")
            assert made.json() in admin.get(HALTS).json()["data"]
            lifted = [admin.delete(f"{HALTS}/{made.json()['id']}").json() for _ in range(2)]
            assert lifted[0] == lifted[1]
            assert lifted[0]["lifted_by"] == str(served.admin.id)
            before |= dict.fromkeys(stopped, lifted_us(lifted[0]))
            assert order(client, desk.portfolio_id)["http"] == 201
        assert admin.get(HALTS).json() == {"data": []}
        assert halted(desk) == {HALTED: before}, "ticks of before it was lifted may still come"
        admin.post(HALTS, json={"reason": "a cancel goes through"})
        assert client.delete(f"{ORDERS}/{standing['id']}").json()["status"] == "canceled"


def test_a_switch_names_one_that_exists(served: Served) -> None:
    admin, nobody = served.api.client, str(uuid4())
    for whom in ({"user_id": nobody}, {"portfolio_id": nobody}):
        assert admin.post(HALTS, json={**whom, "reason": "a drill"}).status_code == 404
    both = {"user_id": nobody, "portfolio_id": nobody, "reason": "a drill"}
    assert admin.post(HALTS, json=both).status_code == 409
    assert admin.delete(f"{HALTS}/{nobody}").status_code == 404
    with api_user(served.settings).client(served.api.url) as client:
        assert client.get(HALTS).status_code == 403
