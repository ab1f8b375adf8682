"""Alert rules and alerts by the API: made, changed, paused, armed; told by the socket at once; acknowledged."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from lakehouse.clock import SystemClock
from lakehouse.settings import Settings
from lakehouse.stores import alerting, postgres, redis
from lakehouse.stores.alerting import Alert, Tick
from tests.factories.alert_rules import break_rule
from tests.factories.api_users import ApiUser, api_user
from tests.factories.sockets import SocketClient, socket_client
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
RULES = "/api/v1/alert-rules"
ALERTS = "/api/v1/alerts"
PRICE = {"kind": "price_above", "symbol": "AAPL", "limit_value": "150"}


def make(client: httpx.Client, path: str = RULES, **body: object) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def portfolio(client: httpx.Client) -> str:
    return str(make(client, "/api/v1/portfolios", name=uuid4().hex, base_currency="USD")["id"])


def codes(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def fired(settings: Settings, rule_id: str, *sequences: int) -> list[Alert]:
    """Break the rule as the hot process does: recorded in a transaction, published after its commit."""
    new = break_rule(settings, UUID(rule_id), *sequences, tick=Tick("market.ticks", 0, 17))

    async def publish() -> bool:
        async with redis.connect_async(settings.redis) as bus:
            return await alerting.publish(bus, new)

    assert asyncio.run(publish())
    return new


def events(settings: Settings, rule_id: str) -> list[str]:
    with postgres.connect(settings.postgres) as connection:
        found = connection.execute(
            "SELECT type FROM ops.outbox WHERE topic = 'risk.rules' AND key = %s ORDER BY seq", (rule_id,)
        )
        return [row[0] for row in found.fetchall()]


def test_a_rule_is_made_read_changed_and_deleted(served: Served, alice: httpx.Client) -> None:
    created = alice.post(RULES, json={**PRICE, "note": "sell some"})
    assert created.status_code == 201, created.text
    made, at = created.json(), created.headers["Location"]
    assert at == f"{RULES}/{made['id']}"
    assert created.headers["ETag"] == '"1"'
    assert {
        name: made[name] for name in (*PRICE, "state", "severity", "hysteresis", "cool_down_s", "once", "arming")
    } == {
        **PRICE,
        "state": "active",
        "severity": "warning",
        "hysteresis": "0.005",
        "cool_down_s": 60,
        "once": False,
        "arming": 1,
    }
    assert alice.get(at).json() == made

    noted = alice.patch(at, json={"note": "sell all"}, headers={"If-Match": '"1"'}).json()
    assert (noted["note"], noted["arming"], noted["version"]) == ("sell all", 1, 2)
    raised = alice.patch(at, json={"limit_value": "160"}).json()
    assert (raised["limit_value"], raised["arming"], raised["version"]) == ("160", 2, 3)
    assert raised["armed_at"] > made["armed_at"]
    assert codes(alice.patch(at, json={"note": "late"}, headers={"If-Match": '"2"'})) == (412, "version_conflict")

    assert alice.delete(at).status_code == 204
    assert codes(alice.get(at)) == (404, "not_found")
    assert events(served.settings, made["id"]) == ["rule.created", "rule.updated", "rule.updated", "rule.deleted"]


def test_every_kind_has_its_form(alice: httpx.Client) -> None:
    held = {"portfolio_id": portfolio(alice)}
    at = {**held, "symbol": "AAPL"}
    bodies: list[dict[str, object]] = [
        {"kind": "stop_loss", **at, "limit_value": "120"},
        {"kind": "take_profit", **at, "limit_value": "180"},
        {"kind": "trailing_stop", **at, "limit_value": "0.05"},
        {"kind": "price_above", "symbol": "AAPL", "limit_value": "150"},
        {"kind": "price_below", "symbol": "AAPL", "limit_value": "100"},
        {"kind": "drawdown", **held, "limit_value": "0.1"},
        {"kind": "daily_loss", **held, "limit_value": "500", "is_amount": True},
        {"kind": "gross_exposure", **held, "limit_value": "1.5"},
        {"kind": "concentration", **held, "limit_value": "0.4"},
        {"kind": "var_batch", **held, "limit_value": "0.05"},
        {"kind": "var_live", **held, "limit_value": "1000", "is_amount": True},
        {"kind": "crossed_quote", "symbol": "AAPL"},
        {"kind": "stale_quote", "symbol": "AAPL", "limit_value": "30"},
    ]
    made = alice.post(f"{RULES}/batch", json=bodies)
    assert made.status_code == 201, made.text
    assert [each["kind"] for each in made.json()] == [body["kind"] for body in bodies]
    assert len(alice.get(RULES, params={"portfolio_id": held["portfolio_id"]}).json()["data"]) == 9
    assert len(alice.get(RULES, params={"kind": "var_live"}).json()["data"]) == 1
    for wrong in (
        {"kind": "drawdown", **held, "limit_value": "1"},
        {"kind": "stop_loss", "symbol": "AAPL", "limit_value": "1"},
        {"kind": "price_above", **at, "limit_value": "1"},
        {"kind": "crossed_quote", "symbol": "AAPL", "limit_value": "1"},
        {"kind": "trailing_stop", **at, "limit_value": "0"},
        {**PRICE, "cool_down_s": -1},
        {**PRICE, "hysteresis": "1"},
    ):
        assert alice.post(RULES, json=wrong).status_code == 422, wrong


def test_what_a_patch_makes_impossible_is_refused(alice: httpx.Client) -> None:
    drawdown = make(alice, kind="drawdown", portfolio_id=portfolio(alice), limit_value="0.1")
    crossed = make(alice, kind="crossed_quote", symbol="AAPL")
    for rule, change in (
        (drawdown, {"limit_value": "1.5"}),
        (drawdown, {"is_amount": True}),
        (crossed, {"limit_value": "1"}),
    ):
        assert codes(alice.patch(f"{RULES}/{rule['id']}", json=change)) == (409, "rule_broken")


def test_a_rule_is_on_what_one_has(alice: httpx.Client, bob: httpx.Client) -> None:
    theirs = portfolio(bob)
    stop = {"kind": "stop_loss", "portfolio_id": theirs, "symbol": "AAPL", "limit_value": "120"}
    assert codes(alice.post(RULES, json=stop)) == (404, "not_found")
    unknown = {**PRICE, "symbol": "NONE"}
    assert codes(alice.post(RULES, json=unknown)) == (409, "unknown_reference")
    each = alice.post(f"{RULES}/batch", json={"atomic": False, "items": [PRICE, stop, unknown]}).json()
    assert [line["status"] for line in each["data"]] == [201, 404, 409]
    made = make(bob, **stop)
    for call in (alice.get, alice.delete):
        assert codes(call(f"{RULES}/{made['id']}")) == (404, "not_found")
    for action in ("pause", "resume", "re-arm", "acknowledge"):
        assert codes(alice.post(f"{RULES}/{made['id']}/{action}")) == (404, "not_found")


def test_a_rule_is_paused_resumed_and_armed(served: Served, alice: httpx.Client) -> None:
    rule = make(alice, **PRICE)
    at = f"{RULES}/{rule['id']}"
    paused = alice.post(f"{at}/pause")
    assert (paused.json()["state"], paused.json()["arming"], paused.headers["ETag"]) == ("paused", 1, '"2"')
    assert alice.post(f"{at}/pause").json() == paused.json()
    assert codes(alice.post(f"{at}/resume", headers={"If-Match": '"1"'})) == (412, "version_conflict")
    resumed = alice.post(f"{at}/resume").json()
    assert (resumed["state"], resumed["arming"]) == ("active", 2)
    assert alice.post(f"{at}/resume").json() == resumed
    assert alice.post(f"{at}/re-arm").json()["arming"] == 3
    assert events(served.settings, rule["id"]) == ["rule.created", "rule.paused", "rule.resumed", "rule.rearmed"]


def test_how_a_rule_stands_follows_from_its_alerts(served: Served, alice: httpx.Client) -> None:
    rule = make(alice, **PRICE)
    at = f"{RULES}/{rule['id']}"
    [first] = fired(served.settings, rule["id"], 1)
    triggered = alice.get(at).json()
    assert (triggered["state"], triggered["last_alert_id"]) == ("triggered", str(first.id))
    assert [each["id"] for each in alice.get(RULES, params={"state": "triggered"}).json()["data"]] == [rule["id"]]
    assert alice.post(f"{at}/acknowledge").json()["state"] == "acknowledged"
    fired(served.settings, rule["id"], 1, 2)
    assert alice.get(at).json()["state"] == "triggered"
    assert alice.post(f"{at}/re-arm").json()["state"] == "active"
    waiting = alice.get(ALERTS, params={"rule_id": rule["id"], "acknowledged": "false"}).json()["data"]
    assert [each["sequence"] for each in waiting] == [2]


def test_alerts_are_listed_and_acknowledged(served: Served, alice: httpx.Client, bob: httpx.Client) -> None:
    rule, other = make(alice, **PRICE), make(alice, kind="crossed_quote", symbol="MSFT")
    alerts = [*fired(served.settings, rule["id"], 1), *fired(served.settings, rule["id"], 2)]
    alerts += fired(served.settings, other["id"], 1)
    history = alice.get(ALERTS).json()["data"]
    assert [each["id"] for each in history] == [str(each.id) for each in alerts]
    shown = alice.get(f"{ALERTS}/{alerts[0].id}").json()
    assert shown == history[0]
    assert (shown["value"], shown["bound"], shown["subject"]) == ("151.25", "150.0", "AAPL")
    assert (shown["tick_topic"], shown["tick_partition"], shown["tick_offset"]) == ("market.ticks", 0, 17)
    assert shown["message"] == "AAPL at 151.25 is at or above 150"

    for name, value, count in (
        ("rule_id", rule["id"], 2),
        ("kind", "crossed_quote", 1),
        ("symbol", "AAPL", 2),
        ("severity", "critical", 0),
        ("source", "monitor", 0),
        ("happened_from", shown["at"], 3),
        ("happened_to", shown["at"], 0),
        ("acknowledged", "true", 0),
    ):
        assert len(alice.get(ALERTS, params={name: value}).json()["data"]) == count, name
    page = alice.get(ALERTS, params={"sort": "-at", "limit": 2}).json()
    rest = alice.get(page["next"]).json()["data"]
    assert [each["id"] for each in [*page["data"], *rest]] == [str(each.id) for each in reversed(alerts)]

    assert bob.get(ALERTS).json()["data"] == []
    assert codes(bob.get(f"{ALERTS}/{alerts[0].id}")) == (404, "not_found")
    assert codes(bob.post(f"{ALERTS}/{alerts[0].id}/acknowledge")) == (404, "not_found")
    mine = [str(each.id) for each in alerts]
    assert codes(alice.post(f"{ALERTS}/acknowledge", json={"ids": [*mine, str(uuid4())]})) == (404, "not_found")

    first = alice.post(f"{ALERTS}/{mine[0]}/acknowledge").json()
    assert first["acknowledged_by"] == first["owner_id"]
    assert alice.post(f"{ALERTS}/{mine[0]}/acknowledge").json() == first
    seen = alice.post(f"{ALERTS}/acknowledge", json={"ids": [*mine, mine[0]]}).json()
    assert (seen["acknowledged"], [each["id"] for each in seen["data"]]) == (2, mine)
    assert alice.get(ALERTS, params={"acknowledged": "false"}).json()["data"] == []

    assert alice.delete(f"{RULES}/{rule['id']}").status_code == 204
    assert len(alice.get(ALERTS).json()["data"]) == 3, "history outlives its rule"


@contextmanager
def listening(served: Served, user: ApiUser) -> Iterator[SocketClient]:
    """A socket of the user that follows the channel of alerts."""
    with socket_client(served.api.url, user.headers) as client:
        client.say(op="subscribe", channel="alerts")
        assert client.until("snapshot", channel="alerts")["data"]["resumed"] is False
        yield client


def test_the_socket_tells_an_alert_to_its_owner(served: Served) -> None:
    user, other = api_user(served.settings), api_user(served.settings)
    with user.client(served.api.url) as client, listening(served, user) as owner, listening(served, other) as stranger:
        rule = make(client, **PRICE)
        [alert] = fired(served.settings, rule["id"], 1)
        frame = owner.until("update", channel="alerts")
        assert (frame["symbol"], frame["data"]["type"]) == ("AAPL", "alert.triggered")
        assert frame["data"]["payload"] == alert.payload
        client.post(f"{ALERTS}/{alert.id}/acknowledge")
        seen = owner.until("update", channel="alerts")
        assert (seen["data"]["type"], seen["data"]["payload"]["id"]) == ("alert.acknowledged", str(alert.id))
        assert seen["prev_seq"] == frame["seq"]
        stranger.say(op="ping", id="p")
        assert stranger.next()["type"] == "pong", "nothing was told to who has no part in it"


def test_no_more_rules_than_a_user_may_have(served: Served, alice: httpx.Client) -> None:
    many = [{**PRICE, "limit_value": str(1 + number)} for number in range(500)]
    for _ in range(4):
        assert alice.post(f"{RULES}/batch", json=many).status_code == 201
    assert codes(alice.post(RULES, json=PRICE)) == (409, "too_many_rules")
