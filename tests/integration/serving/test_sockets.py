"""The socket of quotes and own events on real engines: both dialects, no gap, nobody else's, closed by name."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lakehouse.clock import SystemClock
from lakehouse.domain.ids import uuid7
from lakehouse.stores import postgres
from lakehouse.stores.books.outbox import Event, emit
from tests.factories.api_users import ApiUser, api_user
from tests.factories.quote_stream import observation, send
from tests.factories.sockets import SocketClient, socket_client
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

CLOCK = SystemClock()


@contextmanager
def connected(served: Served, user: ApiUser | None = None) -> Iterator[SocketClient]:
    """A socket of a new user, greeted."""
    owner = user or api_user(served.settings)
    with socket_client(served.api.url, owner.headers) as client:
        assert client.next()["type"] == "hello"
        yield client


def emitted(served: Served, owner: UUID, *kinds: str) -> None:
    """Events of `owner`, written as a service does."""

    async def work() -> None:
        pool = postgres.write_pool(served.settings.postgres, timeout_s=60)
        await pool.open()
        try:
            async with postgres.transaction(pool) as connection:
                await emit(
                    connection,
                    *(
                        Event(
                            event_id=uuid7(CLOCK),
                            topic="order.events",
                            key="one",
                            type=kind,
                            owner_id=owner,
                            payload={"symbol": "AAPL", "kind": kind},
                            occurred_at=CLOCK.now(),
                        )
                        for kind in kinds
                    ),
                )
        finally:
            await pool.close()

    asyncio.run(work())


def closing(client: SocketClient) -> tuple[int, str]:
    """Code and reason that the server closes with."""
    with pytest.raises(ConnectionClosed) as found:
        client.until("never")
    assert found.value.rcvd is not None
    return found.value.rcvd.code, found.value.rcvd.reason


def test_snapshots_then_updates_without_a_gap(served: Served) -> None:
    send(served.api.client, observation("MSFT", "240"), observation("JNJ", "176"))
    with connected(served) as client:
        client.say(op="subscribe", id="a", channel="quotes", symbols=["MSFT", "JNJ", "NONE", "UNH"])
        answer = client.next()
        assert (answer["ok"], answer["errors"]) == (
            ["MSFT", "JNJ", "UNH"],
            [{"symbol": "NONE", "code": "unknown_symbol"}],
        )
        snapshots = {frame["symbol"]: frame for frame in (client.next() for _ in range(3))}
        assert {name: frame["type"] for name, frame in snapshots.items()} == dict.fromkeys(answer["ok"], "snapshot")
        assert snapshots["UNH"]["data"] is None
        for number in range(20):
            send(served.api.client, observation("MSFT", str(241 + number)))
        send(served.api.client, observation("UNH", "530"))
        client.until("update", symbol="UNH")
        assert client.quotes["MSFT"]["price"] == "260"
        http = served.api.client.get("/api/v1/quotes", params={"symbols": "MSFT,JNJ,UNH"}).json()
        assert client.quotes == {each["symbol"]: each for each in http["data"]}


def test_resync_unsubscribe_ping_and_heartbeats(served: Served) -> None:
    send(served.api.client, observation("LLY", "360"))
    with connected(served) as client:
        client.say(op="subscribe", symbols=["LLY"])
        client.until("snapshot", symbol="LLY")
        client.say(op="resync", id="r", symbols=["LLY", "MRK"])
        assert client.next()["errors"] == [{"symbol": "MRK", "code": "not_subscribed"}]
        assert client.next()["type"] == "snapshot"
        client.say(op="unsubscribe", id="u")
        assert client.next()["symbols"] == ["LLY"]
        send(served.api.client, observation("LLY", "361"))
        client.say(op="ping", id="p")
        assert client.next()["type"] == "pong"
        for _ in range(2):  # a second apart: time for what must not come
            client.silence()


def test_a_newer_token_is_taken_of_the_same_user_only(served: Served) -> None:
    user, other = api_user(served.settings), api_user(served.settings)
    with connected(served, user) as client:
        client.say(op="auth", id="same", token=user.token)
        assert client.next()["type"] == "authenticated"
        client.say(op="auth", id="other", token=other.token)
        refused = client.next()
        assert (refused["type"], refused["id"], refused["code"]) == ("error", "other", "other_user")
        client.say(op="auth", id="false", token=user.token[:-4])
        assert client.next()["code"] == "not_authenticated"
        client.say(op="subscribe", channel="orders")
        assert client.until("subscribed")["channel"] == "orders"
        client.say(op="unsubscribe", channel="orders", id="end")
        assert client.until("unsubscribed")["id"] == "end"


def test_the_seeds_messages(served: Served) -> None:
    send(served.api.client, observation("PG", "151"), observation("WMT", "142"))
    user = api_user(served.settings)
    with socket_client(served.api.url) as client:
        client.say(type="auth", token=user.token)
        assert client.next()["type"] == "hello"
        client.say(type="subscribe", symbols=["PG", "WMT", "NONE"])
        first = client.next()
        http = served.api.client.get("/api/v1/quotes", params={"symbols": "PG,WMT"}).json()["data"]
        assert first["quotes"] == {each["symbol"]: each for each in http}
        assert first["missing"] == [{"symbol": "NONE", "reason": "unknown_symbol"}]
        send(served.api.client, observation("WMT", "143"))
        assert client.next()["quotes"]["WMT"]["price"] == "143"
        client.say(type="update")
        assert set(client.next()["quotes"]) == {"PG", "WMT"}
        client.say(type="update", symbols=["PG"])
        assert set(client.next()["quotes"]) == {"PG"}


def test_own_events_come_without_loss_and_go_on_after_a_break(served: Served) -> None:
    user = api_user(served.settings)
    with connected(served, user) as client:
        client.say(op="subscribe", channel="orders")
        snapshot = client.until("snapshot", channel="orders")
        assert snapshot["data"] == {"orders": [], "resumed": False}
        emitted(served, user.id, "order.new", "order.accepted")
        seen = [client.until("update", channel="orders") for _ in range(2)]
        last = seen[-1]["seq"]
    emitted(served, user.id, "order.partially_filled", "order.filled")
    with connected(served, user) as client:
        client.seqs[("orders", None)] = last
        client.say(op="subscribe", channel="orders", since_seq=last)
        seen += [client.until("update", channel="orders") for _ in range(2)]
        emitted(served, user.id, "order.canceled")
        seen.append(client.until("update", channel="orders"))
    kinds = [frame["data"]["type"] for frame in seen]
    assert kinds == ["order.new", "order.accepted", "order.partially_filled", "order.filled", "order.canceled"]
    assert len({frame["data"]["event_id"] for frame in seen}) == 5


def test_events_of_others_are_never_seen_also_by_an_admin(served: Served) -> None:
    alice, bob = api_user(served.settings), api_user(served.settings)
    with connected(served, bob) as client, connected(served, served.admin) as admin:
        for each in (client, admin):
            each.say(op="subscribe", channel="orders")
            each.until("snapshot", channel="orders")
        emitted(served, alice.id, "order.new")
        emitted(served, bob.id, "order.filled")
        emitted(served, served.admin.id, "order.expired")
        assert client.until("update", channel="orders")["data"]["type"] == "order.filled"
        assert admin.until("update", channel="orders")["data"]["type"] == "order.expired"


@pytest.mark.parametrize("first", ['{"op":"subscribe","symbols":["AAPL"]}', '{"op":"auth","token":"no"}', "no json"])
def test_who_does_not_prove_who_they_are_is_closed(served: Served, first: str) -> None:
    with socket_client(served.api.url) as client:
        client.connection.send(first)
        assert closing(client) == (4401, "not_authenticated")


def test_who_says_nothing_is_closed(served: Served) -> None:
    with socket_client(served.api.url) as client:
        assert closing(client) == (4401, "not_authenticated")


def test_a_token_in_the_address_proves_nothing(served: Served) -> None:
    user = api_user(served.settings)
    with socket_client(served.api.url, path=f"/ws/quotes?token={user.token}") as client:
        client.say(op="subscribe", symbols=["AAPL"])
        assert closing(client) == (4401, "not_authenticated")


def test_a_page_of_another_site_is_refused(served: Served) -> None:
    user = api_user(served.settings)
    with (
        pytest.raises(InvalidStatus) as refused,
        socket_client(served.api.url, user.headers, origin="https://evil.example"),
    ):
        pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    "message", ["{", "[]", "null", '{"op":"dance"}', '{"op":"subscribe","symbols":"AAPL"}', '{"type":"subscribe"}']
)
def test_what_is_no_command_is_answered_and_the_socket_stays(served: Served, message: str) -> None:
    with connected(served) as client:
        client.connection.send(message)
        assert client.next()["code"] == "invalid_message"
        client.say(op="ping", id="still-here")
        assert client.next()["id"] == "still-here"


def test_binary_huge_and_too_many_messages_close_the_socket_by_name(served: Served) -> None:
    with connected(served) as client:
        client.connection.send(b"\x00\x01")
        assert closing(client) == (1003, "text_frames_only")
    with connected(served) as client:
        client.connection.send(json.dumps({"op": "ping", "id": "x" * 70_000}))
        assert closing(client)[0] == 1009
    with connected(served) as client:
        with suppress(ConnectionClosed):
            for _ in range(1000):
                client.say(op="ping")
        assert closing(client) == (4429, "too_many_messages")


def test_a_revoked_session_ends_its_sockets(served: Served) -> None:
    user = api_user(served.settings)
    with connected(served, user) as client:
        with postgres.connect(served.settings.postgres) as connection:
            connection.execute("UPDATE auth.app_user SET status = 'disabled' WHERE id = %s", (user.id,))
        assert closing(client) == (4401, "token_expired")


def test_server_sent_events_start_with_the_state_and_end_when_asked(served: Served, alice: httpx.Client) -> None:
    send(served.api.client, observation("XOM", "110"))
    where = "/api/v1/market-data/stream"
    query = {"symbols": "XOM,NONE", "max_events": "2", "max_seconds": "300"}
    with alice.stream("GET", where, params=query) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream"), answer.read()
        lines = answer.iter_lines()
        first = _event(lines)
        assert (first["event"], json.loads(first["data"])["missing"][0]["symbol"]) == ("missing", "NONE")
        snapshot = _event(lines)
        send(served.api.client, observation("XOM", "111"))
        update = _event(lines)
        assert list(lines) == []
    found = [json.loads(each["data"]) for each in (snapshot, update)]
    assert [(each["type"], each["data"]["price"]) for each in found] == [("snapshot", "110"), ("update", "111")]
    assert found[1]["prev_seq"] == found[0]["seq"]
    far = str(int(update["id"]) + 60_000_000)
    resumed = alice.get(where, params={"symbols": "XOM", "max_seconds": 0.5}, headers={"Last-Event-ID": far})
    assert "event: quote" not in resumed.text
    assert alice.get(where, params={"symbols": "NONE"}).json()["code"] == "nothing_to_stream"
    assert httpx.get(f"{served.api.url}{where}", params={"symbols": "XOM"}, timeout=60.0).status_code == 401


def _event(lines: Iterator[str]) -> dict[str, str]:
    """The next server-sent event that is more than a comment."""
    found: dict[str, str] = {}
    for line in lines:
        if not line and "event" in found:
            return found
        name, _, value = line.partition(": ")
        if name and not line.startswith(":"):
            found[name] = value
    raise AssertionError("the stream ended")


def test_the_description_is_served(served: Served) -> None:
    document = served.api.client.get("/asyncapi.json").json()
    assert document["asyncapi"] == "3.0.0"
    assert {each["address"] for each in document["channels"].values()} == {
        "/ws/quotes",
        "/ws/{session_id}",
        "/api/v1/market-data/stream",
    }
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/')[1:]}:
        place = document
        for step in reference.split("/"):
            place = place[step]
