"""Streams when Redis is killed, a reader stops reading, or the API is told to stop."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from websockets.exceptions import ConnectionClosed

from lakehouse.clock import SystemClock
from lakehouse.domain.ids import uuid7
from lakehouse.domain.quote import Quote
from lakehouse.migrations.postgres.demo import seed_demo
from lakehouse.settings import Settings
from lakehouse.stores import postgres, quote_bus, quotes, redis
from lakehouse.stores.books.outbox import Event, emit
from lakehouse.stores.postgres import Transaction
from tests.factories.api_process import ApiProcess, api_process
from tests.factories.api_users import api_user
from tests.factories.redis_server import redis_server
from tests.factories.sockets import SocketClient, socket_client
from tests.integration.serving.conftest import QUERY_TIMEOUT_S

pytestmark = [pytest.mark.integration, pytest.mark.faults]

CLOCK = SystemClock()
PATIENCE_S = 120.0
DRAIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Own:
    """An API of the test's own, which it may hurt."""

    api: ApiProcess
    settings: Settings


@pytest.fixture
def own(books: Settings, tmp_path: Path) -> Iterator[Own]:
    """An API with a database and a Redis of its own."""
    with redis_server() as section:
        settings = books.model_copy(update={"redis": section, "home": tmp_path})
        seed_demo(settings)
        with api_process(settings, query_timeout_s=QUERY_TIMEOUT_S) as api:
            yield Own(api, settings)


def another_process_records(settings: Settings, price: str, *, seq: int) -> None:
    """A price of AAPL, written and published as a feed beside the API does."""

    async def work() -> None:
        pool = postgres.write_pool(settings.postgres, timeout_s=60)
        client = redis.connect_async(settings.redis, retries=0)
        await pool.open()
        try:
            as_of = CLOCK.now() - timedelta(seconds=30)
            quote = Quote(
                symbol="AAPL", price=Decimal(price), currency="USD", provider="test-feed", as_of=as_of, seq=seq
            )
            async with postgres.transaction(pool) as connection:
                recorded = await quotes.record_quotes(connection, [quote], clock=CLOCK)
            assert len(recorded.accepted) == 1
            await quote_bus.publish(client, recorded.accepted)
        finally:
            await client.aclose()
            await pool.close()

    asyncio.run(work())


def kill_redis(settings: Settings) -> None:
    """SIGKILL to the Redis of the test."""
    client = redis.connect(settings.redis)
    info = client.info("server")
    client.close()
    assert isinstance(info, dict)
    os.kill(int(info["process_id"]), signal.SIGKILL)


def until_source(own: Own, headers: dict[str, str], source: str) -> None:
    """Wait until the API gets its quotes so."""
    deadline = CLOCK.monotonic() + PATIENCE_S
    while True:
        status = own.api.client.get("/api/v1/market-data/status", headers=headers).json()
        if status["feed"]["source"] == source:
            return
        assert CLOCK.monotonic() < deadline, status
        CLOCK.sleep(0.1)


def test_quotes_and_sockets_go_on_while_redis_is_gone_and_when_it_is_back(own: Own) -> None:
    user = api_user(own.settings)
    until_source(own, user.headers, "bus")
    another_process_records(own.settings, "100", seq=1)
    with socket_client(own.api.url, user.headers) as client:
        client.say(op="subscribe", symbols=["AAPL"])
        while client.quotes.get("AAPL", {}).get("price") != "100":
            client.next()
        another_process_records(own.settings, "101", seq=2)
        assert client.until("update")["data"]["price"] == "101"

        kill_redis(own.settings)
        until_source(own, user.headers, "table")
        another_process_records(own.settings, "102", seq=3)
        assert client.until("update")["data"]["price"] == "102"
        answer = own.api.client.get("/api/v1/quotes", params={"symbols": "AAPL"}, headers=user.headers).json()
        assert (answer["data"][0]["price"], answer["warnings"]) == ("102", [])

        with redis_server(own.settings.redis.port):
            until_source(own, user.headers, "bus")
            another_process_records(own.settings, "103", seq=4)
            assert client.until("update")["data"]["price"] == "103"


def test_a_reader_that_stops_reading_is_closed_by_name_and_loses_nothing(own: Own) -> None:
    user = api_user(own.settings)
    port = int(own.api.url.rsplit(":", 1)[1])
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    slow.connect(("127.0.0.1", port))
    with socket_client(own.api.url, user.headers, sock=slow, max_queue=1, ping_interval=None) as client:
        client.say(op="subscribe", channel="orders")
        client.until("snapshot", channel="orders")
        numbers = _emit_much(own.settings, user.id)
        _until_closed_as_slow(own)
        seen, closed = _to_the_end(client)
    assert closed.rcvd is not None
    assert (closed.rcvd.code, closed.rcvd.reason) == (4408, "slow_consumer")
    assert 0 < len(seen) < len(numbers)
    with socket_client(own.api.url, user.headers) as client:
        client.seqs[("orders", None)] = seen[-1]
        client.say(op="subscribe", channel="orders", since_seq=seen[-1])
        seen += [client.until("update", channel="orders")["seq"] for _ in range(len(numbers) - len(seen))]
    assert seen == numbers


def test_a_stop_is_announced_and_over_in_time(own: Own) -> None:
    user = api_user(own.settings)
    with socket_client(own.api.url, user.headers) as client:
        client.say(op="subscribe", symbols=["AAPL"])
        client.until("snapshot")
        own.api.process.send_signal(signal.SIGTERM)
        assert client.until("server_shutdown")["reconnect_after_ms"] > 0
        with pytest.raises(ConnectionClosed) as closed:
            client.until("never")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    assert own.api.process.wait(DRAIN_S) in (0, -signal.SIGTERM)


def _emit_much(settings: Settings, owner: UUID) -> list[int]:
    """More than the buffers of a connection hold: the numbers of the events."""

    def event(number: int) -> Event:
        return Event(
            event_id=uuid7(CLOCK),
            topic="order.events",
            key="one",
            type="order.new",
            owner_id=owner,
            payload={"number": number, "much": "x" * 50_000},
            occurred_at=CLOCK.now(),
        )

    async def write(connection: Transaction) -> None:
        await emit(connection, *(event(number) for number in range(400)))

    async def work() -> None:
        pool = postgres.write_pool(settings.postgres, timeout_s=60)
        await pool.open()
        try:
            async with postgres.transaction(pool) as connection:
                await write(connection)
        finally:
            await pool.close()

    asyncio.run(work())
    with postgres.connect(settings.postgres) as connection:
        rows = connection.execute("SELECT seq FROM ops.outbox WHERE owner_id = %s ORDER BY seq", (owner,)).fetchall()
    return [row[0] for row in rows]


def _to_the_end(client: SocketClient) -> tuple[list[int], ConnectionClosed]:
    """The numbers of the events that still arrive, and how the server ended it."""
    seen: list[int] = []
    while True:
        try:
            seen.append(client.until("update", channel="orders")["seq"])
        except ConnectionClosed as closed:
            return seen, closed


def _until_closed_as_slow(own: Own) -> None:
    deadline = CLOCK.monotonic() + PATIENCE_S
    while 'reason="slow_consumer"' not in own.api.client.get("/metrics").text:
        assert CLOCK.monotonic() < deadline, "the slow reader was not closed"
        CLOCK.sleep(0.2)
