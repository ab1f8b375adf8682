"""Ticks on Kafka become a row of the master table, a frame on the socket, an enriched message, history and bars."""

import json
from collections.abc import Iterator
from decimal import Decimal
from uuid import uuid4

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition

from lakehouse.clock import SystemClock, epoch_us
from lakehouse.contracts.topics.quotes import ENRICHED
from lakehouse.settings import Settings
from lakehouse.stores import kafka
from tests.factories.api_process import ApiProcess, api_process
from tests.factories.api_users import ApiUser, api_user
from tests.factories.quotes_process import Market, writing_here
from tests.factories.sockets import socket_client
from tests.factories.tick_days import Tick

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka")]

CLOCK = SystemClock()


@pytest.fixture(scope="module")
def api(engines: Settings) -> Iterator[ApiProcess]:
    with api_process(engines, query_timeout_s=30.0) as made:
        yield made


@pytest.fixture
def user(engines: Settings, api: ApiProcess) -> ApiUser:
    return api_user(engines)


@pytest.fixture
def client(api: ApiProcess, user: ApiUser) -> Iterator[httpx.Client]:
    with user.client(api.url) as made:
        yield made


def ticks_of_now() -> list[Tick]:
    """Two trades and a quote of AAPL within one minute that is over, the second trade sent twice, the first late."""
    minute_us = epoch_us(CLOCK.now()) // 60_000_000 * 60_000_000 - 60_000_000
    base = {"symbol": "AAPL", "provider": "test-feed"}
    first = {**base, "kind": "trade", "event_time_us": minute_us + 1, "sequence": 1, "price": 150.25, "size": 10.0}
    second = {**base, "kind": "trade", "event_time_us": minute_us + 7, "sequence": 2, "price": 151.5, "size": 0.1}
    quote = {**base, "kind": "quote", "event_time_us": minute_us + 8, "sequence": 3}
    return [second, first, {**quote, "bid_price": 151.0, "ask_price": 152.0, "bid_size": 3.0}, second]


def test_a_tick_is_seen_wherever_prices_are_read(
    market: Market, api: ApiProcess, user: ApiUser, client: httpx.Client
) -> None:
    with socket_client(api.url, user.headers) as socket, writing_here(market):
        assert socket.next()["type"] == "hello"
        socket.say(op="subscribe", id="a", channel="quotes", symbols=["AAPL"])
        socket.until("snapshot", symbol="AAPL")
        ticks = ticks_of_now()
        market.send(ticks)
        market.wait_for(len(ticks))
        while (socket.quotes["AAPL"] or {}).get("ask") is None:
            socket.until("update", symbol="AAPL")

    assert [socket.quotes["AAPL"][name] for name in ("price", "bid", "ask")] == ["151.5", "151", "152"]
    (row,) = market.rows("SELECT symbol, price, bid, ask, bid_size, ask_size, currency FROM market.realtime_symbols")
    assert row == ("AAPL", Decimal("151.5"), Decimal(151), Decimal(152), Decimal(3), None, "USD")
    history = client.get("/api/v1/quotes/history", params={"symbols": "AAPL", "minutes": 60}).json()
    assert [point["price"] for point in history["data"][0]["points"]] == ["150.25", "151.5"]
    for interval in ("1m", "5m"):
        (bar,) = client.get("/api/v1/market-data/bars", params={"symbol": "AAPL", "interval": interval}).json()["data"]
        assert [bar[name] for name in ("open", "high", "low", "close", "volume")] == [
            *("150.25", "151.5", "150.25", "151.5", "10.1"),
        ]


def test_an_enriched_quote_says_what_follows_from_it(market: Market) -> None:
    ends = _ends(market.settings)
    with writing_here(market):
        market.send(ticks_of_now())
        market.wait_for(4)

    found = [json.loads(value) for value in _since(market.settings, ends)]

    last = [message for message in found if message["symbol"] == "AAPL"][-1]
    assert {column.name for column in ENRICHED.fields} == set(last)
    assert (last["mid"], last["price"], last["currency"], last["change"]) == (
        "151.50000000",
        "151.50000000",
        "USD",
        None,
    )
    assert last["spread_bps"] == pytest.approx(10_000 / 151.5)


def _ends(settings: Settings) -> dict[int, int]:
    consumer = _consumer(settings)
    numbers = consumer.list_topics(ENRICHED.name, timeout=120).topics[ENRICHED.name].partitions
    found = {n: consumer.get_watermark_offsets(TopicPartition(ENRICHED.name, n), timeout=120)[1] for n in numbers}
    consumer.close()
    return found


def _since(settings: Settings, starts: dict[int, int]) -> list[bytes]:
    """What was produced after `starts`, which is all there by now."""
    missing = sum(_ends(settings).values()) - sum(starts.values())
    consumer = _consumer(settings)
    consumer.assign([TopicPartition(ENRICHED.name, number, offset) for number, offset in starts.items()])
    values = [message.value() or b"" for message in consumer.consume(missing, 120)]
    consumer.close()
    return values


def _consumer(settings: Settings) -> Consumer:
    return Consumer({**kafka.client_config(settings.kafka, "test"), "group.id": uuid4().hex})
