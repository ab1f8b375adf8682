"""Finnhub against a local server that speaks its documented protocol, with what goes wrong on it."""

import asyncio
import json
import logging

import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse, PlainTextResponse, Response

from lakehouse.contracts.reasons import Reason
from streaming.feed.port import TickKind
from streaming.feed.providers.finnhub import Finnhub
from streaming.kit.remote import Disconnected, ProviderError, RateLimited, Refused
from tests.factories.feed_ticks import AsyncTime
from tests.factories.price_servers import Asked, Session, rest, saying, stream
from tests.factories.provider_runs import Ended, until_it_fails

KEY = "fh-secret-7431"
TRADES = json.dumps(
    {
        "type": "trade",
        "data": [
            {"s": "AAPL", "p": 129.93, "t": 1672237800123, "v": 100, "c": ["1", "12"]},
            {"s": "AAPL", "p": 129.94, "t": 1672237800123, "v": 5.5, "c": None},
            {"s": "IBM", "p": "141", "t": 1672237800456, "v": 1},
        ],
    }
)


def finnhub(
    symbols: list[str], *, socket_url: str = "ws://127.0.0.1:1", rest_url: str = "http://127.0.0.1:1"
) -> Finnhub:
    time = AsyncTime()
    return Finnhub(
        symbols,
        key=SecretStr(KEY),
        clock=time,
        sleep=time.wait,
        exchange="XNYS",
        rest_url=rest_url,
        socket_url=socket_url,
    )


def streamed(sessions: list[Session], symbols: list[str], *, refuse: int | None = None) -> tuple[Ended, str]:
    async def run() -> tuple[Ended, str]:
        async with stream(sessions, refuse=refuse) as server:
            ended = await until_it_fails(finnhub(symbols, socket_url=server.url))
            return ended, server.handshakes[0].path

    return asyncio.run(run())


def test_trades_keep_their_venue_time_and_an_unreadable_one_keeps_its_text() -> None:
    ended, path = streamed([saying(TRADES)], ["AAPL"])

    assert path == f"/?token={KEY}"
    assert [(tick.symbol, tick.price, tick.size, tick.event_time_us, tick.condition) for tick in ended.ticks] == [
        ("AAPL", 129.93, 100.0, 1_672_237_800_123_000, "1,12"),
        ("AAPL", 129.94, 5.5, 1_672_237_800_123_000, None),
    ]
    first, second = ended.ticks
    assert (first.kind, first.provider, second.sequence - first.sequence) == (TickKind.TRADE, "finnhub", 1)
    assert [(found.reason, '"IBM"' in found.raw) for found in ended.rejects] == [(Reason.UNPARSABLE, True)]
    assert isinstance(ended.error, Disconnected)


def test_a_universe_of_500_is_subscribed_on_one_connection() -> None:
    heard: list[str | bytes] = []
    symbols = [f"S{number}" for number in range(500)]
    streamed([saying(TRADES, after=500, heard=heard)], symbols)

    assert [json.loads(message) for message in heard] == [{"type": "subscribe", "symbol": each} for each in symbols]


@pytest.mark.parametrize(
    "frame",
    ["not json", "[]", '{"type":"news","data":[]}', '{"type":"trade","data":{"s":"A"}}', b"\x00\xff", "", '{"type":7}'],
)
def test_a_nonsense_frame_is_a_reject_and_the_stream_goes_on(frame: str | bytes) -> None:
    ended, _ = streamed([saying('{"type":"ping"}', frame, TRADES)], ["AAPL"])

    assert len(ended.ticks) == 2
    assert len(ended.rejects) == 2
    assert ended.rejects[0].source == "finnhub"


@pytest.mark.parametrize(
    ("said", "error"),
    [("Subscribing to too many symbols", RateLimited), ("Invalid API key", Refused)],
)
def test_what_finnhub_refuses_in_words_ends_the_stream(said: str, error: type[ProviderError]) -> None:
    ended, _ = streamed([saying(json.dumps({"type": "error", "msg": said}))], ["AAPL"])

    assert type(ended.error) is error
    assert said in str(ended.error)


@pytest.mark.parametrize(("status", "error"), [(401, Refused), (429, RateLimited), (502, Disconnected)])
def test_a_refused_handshake_says_why_and_never_the_key(status: int, error: type[ProviderError]) -> None:
    ended, _ = streamed([], ["AAPL"], refuse=status)

    assert type(ended.error) is error
    assert KEY not in str(ended.error)


def test_a_server_that_is_not_there_is_a_disconnection() -> None:
    ended = asyncio.run(until_it_fails(finnhub(["AAPL"])))
    assert isinstance(ended.error, Disconnected)
    assert KEY not in str(ended.error)


def quoted(asked: Asked) -> Response:
    answers = {
        "AAPL": JSONResponse({"c": 129.93, "d": 1, "dp": 1, "h": 1, "l": 1, "o": 1, "pc": 1, "t": 1672237800}),
        "NONE": JSONResponse({"c": 0, "d": None, "dp": None, "h": 0, "l": 0, "o": 0, "pc": 0, "t": 0}),
        "ODD": PlainTextResponse("<html>hello</html>"),
        "MANY": JSONResponse({"error": "API limit reached."}, status_code=429, headers={"Retry-After": "17"}),
        "LATER": JSONResponse({}, status_code=429, headers={"X-Ratelimit-Reset": "1672185630"}),
        "AWAY": JSONResponse({}, status_code=500),
        "KEY": JSONResponse({"error": "Invalid API key"}, status_code=401),
    }
    return answers[asked.params["symbol"]]


def test_a_snapshot_asks_for_each_symbol_with_the_key_in_a_header(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with rest(quoted) as server:
            found = await finnhub([], rest_url=server.url).snapshot(["AAPL", "NONE", "ODD"])

            assert [(tick.symbol, tick.price, tick.event_time_us) for tick in found.ticks] == [
                ("AAPL", 129.93, 1_672_237_800_000_000)
            ]
            assert [(reject.symbol, reject.raw) for reject in found.rejects] == [("ODD", "<html>hello</html>")]
            assert [(each.path, each.headers["x-finnhub-token"]) for each in server.asked] == [("/quote", KEY)] * 3

    with caplog.at_level(logging.DEBUG):
        asyncio.run(run())
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("symbol", "error", "retry_after_s"),
    [("MANY", RateLimited, 17.0), ("LATER", RateLimited, 30.0), ("AWAY", ProviderError, None), ("KEY", Refused, None)],
)
def test_a_snapshot_that_fails_says_how(symbol: str, error: type[ProviderError], retry_after_s: float | None) -> None:
    async def run() -> None:
        async with rest(quoted) as server:
            await finnhub([], rest_url=server.url).snapshot([symbol])

    with pytest.raises(error) as caught:
        asyncio.run(run())
    assert getattr(caught.value, "retry_after_s", None) == retry_after_s
    assert KEY not in str(caught.value)


def test_a_snapshot_keeps_the_quota_by_waiting_and_gives_up_where_that_would_take_too_long() -> None:
    async def run() -> tuple[int, float]:
        time = AsyncTime()
        async with rest(quoted) as server:
            subject = Finnhub([], key=SecretStr(KEY), clock=time, sleep=time.wait, exchange=None, rest_url=server.url)
            await subject.snapshot(["AAPL"] * 90)
            return len(server.asked), time.elapsed_s

    asked, waited_s = asyncio.run(run())
    # 60 at once but for the 30 a second, then one a second.
    assert asked == 90
    assert waited_s == pytest.approx(30, abs=1)
