"""Angel One and 5paisa against local servers that speak their documented protocols, with what goes wrong on them."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse, PlainTextResponse, Response

from streaming.feed.port import TickKind
from streaming.feed.providers.angel_one import AngelOne
from streaming.feed.providers.five_paisa import FivePaisa, FivePaisaAccount
from streaming.feed.universe import Instrument, UniverseError
from streaming.kit.remote import Disconnected, ProviderError, RateLimited, Refused
from streaming.kit.smartapi import AngelAccount
from streaming.kit.totp import totp
from tests.factories.angel_frames import TIME_MS, ltp, snap
from tests.factories.feed_ticks import AsyncTime
from tests.factories.price_servers import Asked, Session, rest, saying, stream
from tests.factories.provider_runs import Ended, until_it_fails

NOW = datetime(2022, 12, 28, 5, tzinfo=UTC)
SEED = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
WORDS = {"api_key": "ak-secret-1", "client_code": "C-secret-2", "pin": "pin-secret-3"}
RELIANCE, ITC = Instrument("RELIANCE", "NSE", "2885"), Instrument("ITC", "BSE", "1660")
LOGIN = "/rest/auth/angelbroking/user/v1/loginByPassword"


class AngelServer:
    """Login and quotes. `sessions` logins give tokens that the quotes refuse; `busy` answers as its limiter does."""

    def __init__(self, *, ended: int = 0, busy: bool = False) -> None:
        self.ended = ended
        self.busy = busy
        self.logins = 0

    def __call__(self, asked: Asked) -> Response:
        assert asked.headers["x-privatekey"] == WORDS["api_key"]
        body = json.loads(asked.body)
        if asked.path == LOGIN:
            return self.login(body)
        if self.busy:
            return PlainTextResponse("Access denied because of exceeding access rate", status_code=403)
        if asked.headers["authorization"] != f"Bearer jwt{self.ended + 1}":
            return JSONResponse({"success": False, "message": "Invalid Token", "errorCode": "AG8001", "data": None})
        fetched = [self.quote(place, token) for place, tokens in body["exchangeTokens"].items() for token in tokens]
        return JSONResponse({"status": True, "message": "SUCCESS", "data": {"fetched": fetched, "unfetched": []}})

    def login(self, body: dict[str, str]) -> Response:
        self.logins += 1
        if body["totp"] != totp(SEED, NOW) or body["password"] != WORDS["pin"]:
            return JSONResponse({"status": False, "message": "Invalid totp", "errorcode": "AB1050", "data": None})
        tokens = {"jwtToken": f"jwt{self.logins}", "refreshToken": "r", "feedToken": "feed-token"}
        return JSONResponse({"status": True, "message": "SUCCESS", "errorcode": "", "data": tokens})

    @staticmethod
    def quote(place: str, token: str) -> dict[str, object]:
        found: dict[str, object] = {"exchange": place, "symbolToken": token, "ltp": 2540.05, "lastTradeQty": 7}
        depth = {"buy": [{"price": 2540.0, "quantity": 5}], "sell": [{"price": 0, "quantity": 0}]}
        when = "28-Dec-2022 10:00:00" if place != "BSE" else "just now"
        return {**found, "exchTradeTime": when, "depth": depth}


def angel(rest_url: str, socket_url: str = "", *instruments: Instrument, pin: str = "") -> AngelOne:
    time = AsyncTime(NOW)
    account = AngelAccount(
        api_key=SecretStr(WORDS["api_key"]),
        client_code=SecretStr(WORDS["client_code"]),
        pin=SecretStr(pin or WORDS["pin"]),
        totp_secret=SecretStr(SEED),
    )
    return AngelOne(
        instruments or (RELIANCE, ITC),
        account=account,
        clock=time,
        # A heartbeat that takes no time would never end.
        sleep=asyncio.sleep if socket_url else time.wait,
        rest_url=rest_url,
        socket_url=socket_url,
    )


def angel_streamed(session: Session, *instruments: Instrument) -> Ended:
    async def run() -> Ended:
        async with rest(AngelServer()) as web, stream([session]) as socket:
            ended = await until_it_fails(angel(web.url, socket.url, *instruments))
            headers = socket.handshakes[0].headers
            assert [headers[name] for name in ("Authorization", "x-client-code", "x-feed-token")] == [
                "Bearer jwt1",
                WORDS["client_code"],
                "feed-token",
            ]
            return ended

    return asyncio.run(run())


def test_angel_one_logs_in_subscribes_to_500_in_one_message_and_beats() -> None:
    heard: list[str | bytes] = []
    many = [Instrument(f"S{number}", "NSE" if number % 2 else "BSE", str(number)) for number in range(500)]
    angel_streamed(saying(after=2, heard=heard), *many)

    subscription, beat = heard
    assert beat == "ping"
    message = json.loads(subscription)
    assert (message["action"], message["params"]["mode"]) == (1, 3)
    tokens = {each["exchangeType"]: each["tokens"] for each in message["params"]["tokenList"]}
    assert {number: len(each) for number, each in tokens.items()} == {1: 250, 3: 250}


def test_a_snap_quote_is_a_trade_where_there_was_one_and_a_quote() -> None:
    first = snap("2885", 254_005, bids=[(254_000, 10)], asks=[(254_010, 8)], sequence=5)
    only_depth = snap("2885", 254_005, bids=[(254_001, 3)], sequence=6)
    ended = angel_streamed(saying(first, "pong", only_depth, after=2))

    assert [(tick.kind, tick.sequence, tick.price, tick.bid_price, tick.ask_price) for tick in ended.ticks] == [
        (TickKind.TRADE, 10, 2540.05, None, None),
        (TickKind.QUOTE, 11, None, 2540.0, 2540.1),
        (TickKind.QUOTE, 13, None, 2540.01, None),
    ]
    assert {(tick.symbol, tick.event_time_us, tick.exchange) for tick in ended.ticks} == {
        ("RELIANCE", TIME_MS * 1_000, "NSE")
    }
    assert isinstance(ended.error, Disconnected)


@pytest.mark.parametrize(
    "frame", [b"\x09rubbish", ltp("2885", 1)[:40], ltp("777", 1), "what?", ltp("2885", 1, exchange_type=99)]
)
def test_a_frame_of_angel_one_that_is_none_is_a_reject_and_the_stream_goes_on(frame: str | bytes) -> None:
    ended = angel_streamed(saying(frame, ltp("2885", 254_005), after=2))

    assert [tick.price for tick in ended.ticks] == [2540.05]
    assert len(ended.rejects) == 1
    assert ended.rejects[0].raw == (frame if isinstance(frame, str) else frame.hex())


def test_a_subscription_that_angel_one_refuses_ends_the_stream_with_its_words() -> None:
    said = json.dumps({"correlationID": "x", "errorCode": "E1002", "errorMessage": "Subscription limit exceeded"})
    ended = angel_streamed(saying(said, after=2))
    assert isinstance(ended.error, Refused)
    assert "E1002" in str(ended.error)


@pytest.mark.parametrize(("ended", "logins"), [(0, 1), (1, 2)])
def test_quotes_of_angel_one_by_rest_keep_indian_time_and_a_session_that_ended_is_begun_again(
    ended: int, logins: int
) -> None:
    async def run() -> None:
        answer = AngelServer(ended=ended)
        async with rest(answer) as server:
            found = await angel(server.url).snapshot(["RELIANCE", "ITC", "AAPL"])
            (tick,) = found.ticks
            assert (tick.price, tick.size, tick.bid_price, tick.ask_price) == (2540.05, 7, 2540.0, None)
            assert tick.event_time_us == TIME_MS * 1_000
            assert ["just now" in reject.raw for reject in found.rejects] == [True]
            assert answer.logins == logins

    asyncio.run(run())


@pytest.mark.parametrize(
    ("server", "pin", "error"),
    [(AngelServer(), "wrong", Refused), (AngelServer(busy=True), "", RateLimited), (AngelServer(ended=5), "", Refused)],
)
def test_an_angel_one_that_refuses_says_how_and_shows_no_secret(
    server: AngelServer, pin: str, error: type[ProviderError]
) -> None:
    async def run() -> None:
        async with rest(server) as web:
            await angel(web.url, pin=pin).snapshot(["RELIANCE"])

    with pytest.raises(error) as caught:
        asyncio.run(run())
    assert not any(word in str(caught.value) for word in (*WORDS.values(), SEED))


def test_a_broker_needs_the_exchange_and_the_number_of_every_instrument() -> None:
    with pytest.raises(UniverseError):
        angel("http://127.0.0.1:1", "ws://127.0.0.1:1", Instrument("RELIANCE"))
    with pytest.raises(UniverseError):
        five_paisa("http://127.0.0.1:1", "ws://127.0.0.1:1", Instrument("RELIANCE", "NSE", "RELIANCE_EQ"))
    with pytest.raises(UniverseError):
        angel("http://127.0.0.1:1", "", *(Instrument(f"S{number}", "NSE", "1") for number in range(1_001)))


def five_paisa(rest_url: str, socket_url: str, *instruments: Instrument) -> FivePaisa:
    account = FivePaisaAccount(
        key=SecretStr(WORDS["api_key"]),
        client_code=SecretStr(WORDS["client_code"]),
        access_token=SecretStr("to ken-secret-4"),
    )
    time = AsyncTime(NOW)
    return FivePaisa(
        instruments or (RELIANCE, ITC),
        account=account,
        clock=time,
        sleep=time.wait,
        rest_url=rest_url,
        socket_url=socket_url,
    )


def row(**more: object) -> dict[str, object]:
    whole = {"Exch": "N", "ExchType": "C", "Token": 2885, "LastRate": 2540.05, "LastQty": 7, "TotalQty": 1000}
    return {**whole, "BidRate": 2540.0, "BidQty": 5, "OffRate": 0, "OffQty": 0, "TickDt": f"/Date({TIME_MS})/", **more}


def paisa_streamed(*frames: str | bytes, heard: list[str | bytes] | None = None, refuse: int | None = None) -> Ended:
    async def run() -> Ended:
        async with stream([saying(*frames, heard=heard)], refuse=refuse) as socket:
            ended = await until_it_fails(five_paisa("http://127.0.0.1:1", socket.url))
            assert socket.handshakes[0].path == f"/?Value1=to%20ken-secret-4%7C{WORDS['client_code']}"
            return ended

    return asyncio.run(run())


def test_5paisa_is_subscribed_in_one_message_and_its_rows_are_trades_or_quotes() -> None:
    heard: list[str | bytes] = []
    ended = paisa_streamed(json.dumps([row()]), json.dumps([row(BidRate=2540.02)]), heard=heard)

    assert json.loads(heard[0])["MarketFeedData"] == [
        {"Exch": "N", "ExchType": "C", "ScripCode": 2885},
        {"Exch": "B", "ExchType": "C", "ScripCode": 1660},
    ]
    assert [(tick.kind, tick.price, tick.size, tick.bid_price, tick.ask_price) for tick in ended.ticks] == [
        (TickKind.TRADE, 2540.05, 7, 2540.0, None),
        (TickKind.QUOTE, None, None, 2540.02, None),
    ]
    assert {(tick.symbol, tick.event_time_us) for tick in ended.ticks} == {("RELIANCE", TIME_MS * 1_000)}
    assert isinstance(ended.error, Disconnected)


@pytest.mark.parametrize(
    "bad", [row(Token=5), row(TickDt="now"), row(LastRate="high"), {}, 7, row(Exch="Z"), row(TickDt=None)]
)
def test_a_row_of_5paisa_that_is_none_is_a_reject_and_its_neighbours_are_kept(bad: object) -> None:
    ended = paisa_streamed(json.dumps([bad, row()]))

    assert [tick.symbol for tick in ended.ticks] == ["RELIANCE"]
    assert [json.loads(reject.raw) for reject in ended.rejects] == [bad]


@pytest.mark.parametrize("frame", ["rubbish", '{"Status":1}', b"\xff\xfe"])
def test_a_frame_of_5paisa_that_is_none_is_a_reject_and_the_stream_goes_on(frame: str | bytes) -> None:
    ended = paisa_streamed(frame, json.dumps([row()]))
    assert (len(ended.ticks), len(ended.rejects)) == (1, 1)


def test_a_token_that_5paisa_does_not_take_is_refused_and_not_shown() -> None:
    ended = paisa_streamed(refuse=401)
    assert isinstance(ended.error, Refused)
    assert "secret" not in str(ended.error)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"head": {"status": "0"}, "body": {"Status": 9, "Message": "Invalid Session", "Data": []}}, Refused),
        ({"head": {"status": "0"}}, ProviderError),
    ],
)
def test_quotes_of_5paisa_by_rest_that_are_refused_say_so(answer: object, error: type[ProviderError]) -> None:
    async def run() -> None:
        async with rest(lambda _: JSONResponse(answer)) as server:
            await five_paisa(server.url, "").snapshot(["RELIANCE"])

    with pytest.raises(error):
        asyncio.run(run())


def test_quotes_of_5paisa_by_rest_carry_key_and_token() -> None:
    async def run() -> None:
        body = {"head": {"status": "0"}, "body": {"Status": 0, "Message": "", "Data": [row(), row(Token=1)]}}
        async with rest(lambda _: JSONResponse(body)) as server:
            found = await five_paisa(server.url, "").snapshot(["RELIANCE", "AAPL"])
            assert ([tick.price for tick in found.ticks], len(found.rejects)) == ([2540.05], 1)
            (asked,) = server.asked
            assert asked.headers["authorization"] == "bearer to ken-secret-4"
            assert json.loads(asked.body)["head"] == {"key": WORDS["api_key"]}

    asyncio.run(run())
