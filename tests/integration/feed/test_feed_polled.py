"""Alpha Vantage and Yahoo against a local server that answers as they do, also when they refuse with status 200."""

import asyncio
import logging
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse, PlainTextResponse, Response

from streaming.feed.providers.alpha_vantage import AlphaVantage
from streaming.feed.providers.yahoo import Yahoo
from streaming.kit.remote import Disconnected, ProviderError, RateLimited, Refused
from tests.factories.feed_ticks import AsyncTime
from tests.factories.price_servers import Asked, rest
from tests.factories.provider_runs import until_it_fails

KEY = "av-secret-9056"
OPEN = datetime(2022, 12, 28, 15, tzinfo=UTC)
NOTE = f"Thank you for using Alpha Vantage! We have detected your API key as {KEY} and our rate limit is 25 a day."


def global_quote(price: str, day: str) -> Response:
    return JSONResponse(
        {"Global Quote": {"01. symbol": "IBM", "05. price": price, "07. latest trading day": day, "06. volume": "9"}}
    )


def alpha(asked: Asked) -> Response:
    assert (asked.path, asked.params["function"]) == ("/query", "GLOBAL_QUOTE")
    answers = {
        "IBM": global_quote("141.2300", "2022-12-28"),
        "OLD": global_quote("140.0000", "2022-12-27"),
        "NONE": JSONResponse({"Global Quote": {}}),
        "ODD": global_quote("n/a", "2022-12-28"),
        "DAY": global_quote("1.0", "yesterday"),
        "HTML": PlainTextResponse("<html>"),
        "EMPTY": JSONResponse({}),
        "NOTE": JSONResponse({"Note": NOTE}),
        "INFO": JSONResponse({"Information": NOTE}),
        "WRONG": JSONResponse({"Error Message": f"Invalid API call with {KEY}"}),
    }
    return answers[asked.params["symbol"]]


def alpha_vantage(url: str, symbols: list[str], time: AsyncTime) -> AlphaVantage:
    return AlphaVantage(symbols, key=SecretStr(KEY), clock=time, sleep=time.wait, exchange="XNYS", url=url)


def test_alpha_vantage_prices_have_the_time_of_asking_or_the_close_before_and_what_is_odd_keeps_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> None:
        async with rest(alpha) as server:
            subject = alpha_vantage(server.url, [], AsyncTime(OPEN))
            found = await subject.snapshot(["IBM", "OLD", "NONE"])
            odd = await subject.snapshot(["ODD", "DAY"])
            assert [(tick.symbol, tick.price, tick.event_time_us) for tick in found.ticks] == [
                ("IBM", 141.23, 1_672_239_600_000_000),  # 15:00 UTC, when it was asked
                ("OLD", 140.0, 1_672_174_800_000_000),  # 21:00 UTC of the day before, its close
            ]
            assert [reject.symbol for reject in odd.rejects] == ["ODD", "DAY"]
            assert '"n/a"' in odd.rejects[0].raw

    with caplog.at_level(logging.DEBUG):
        asyncio.run(run())
    assert KEY not in caplog.text


@pytest.mark.parametrize("symbol", ["HTML", "EMPTY"])
def test_an_answer_of_alpha_vantage_without_a_quote_is_a_reject(symbol: str) -> None:
    async def run() -> int:
        async with rest(alpha) as server:
            return len((await alpha_vantage(server.url, [], AsyncTime(OPEN)).snapshot([symbol])).rejects)

    assert asyncio.run(run()) == 1


@pytest.mark.parametrize(("symbol", "error"), [("NOTE", RateLimited), ("INFO", RateLimited), ("WRONG", Refused)])
def test_alpha_vantage_refuses_in_the_body_and_its_words_are_told_without_the_key(
    symbol: str, error: type[ProviderError]
) -> None:
    async def run() -> None:
        async with rest(alpha) as server:
            await alpha_vantage(server.url, [], AsyncTime(OPEN)).snapshot([symbol])

    with pytest.raises(error) as caught:
        asyncio.run(run())
    assert KEY not in str(caught.value)
    assert "***" in str(caught.value)


def test_polling_hands_a_price_on_once_keeps_the_quota_and_ends_when_the_day_is_spent() -> None:
    async def run() -> tuple[int, int, float, str]:
        time = AsyncTime(OPEN)
        async with rest(alpha) as server:
            subject = alpha_vantage(server.url, ["OLD"], time)
            ended = await until_it_fails(subject, batches=1)
            ended.ticks += (await until_it_fails(subject)).ticks
            ended.error = (await until_it_fails(subject)).error
            return len(ended.ticks), len(server.asked), time.elapsed_s, type(ended.error).__name__

    ticks, asked, elapsed_s, error = asyncio.run(run())
    assert (ticks, asked, error) == (1, 25, "RateLimited")
    assert elapsed_s == pytest.approx(25 * 60, rel=0.1)


def test_nothing_is_polled_before_the_bell() -> None:
    async def run() -> float:
        time = AsyncTime(datetime(2022, 12, 28, 14, 20, tzinfo=UTC))
        async with rest(alpha) as server:
            ended = await until_it_fails(alpha_vantage(server.url, ["IBM"], time), batches=1)
            assert (len(ended.ticks), len(server.asked)) == (1, 1)
            return time.elapsed_s

    assert asyncio.run(run()) == pytest.approx(600, abs=30)


class YahooServer:
    """Cookie, crumb and quotes; the first `stale` crumbs are refused."""

    def __init__(self, stale: int = 0) -> None:
        self.stale = stale
        self.crumbs = 0

    def __call__(self, asked: Asked) -> Response:
        if asked.path == "/cookie":
            return PlainTextResponse("gone", status_code=404, headers={"set-cookie": "A3=d1; Path=/"})
        if asked.path == "/v1/test/getcrumb":
            self.crumbs += 1
            return PlainTextResponse(f"crumb{self.crumbs}" if "A3=d1" in asked.headers.get("cookie", "") else "<no>")
        if asked.params["crumb"] == f"crumb{self.stale}":
            return JSONResponse({"finance": {"error": {"description": "Invalid Crumb"}}}, status_code=401)
        return JSONResponse({"quoteResponse": {"result": [self.quote(s) for s in asked.params["symbols"].split(",")]}})

    @staticmethod
    def quote(symbol: str) -> dict[str, object]:
        whole: dict[str, object] = {"symbol": symbol, "regularMarketPrice": 129.93, "regularMarketTime": 1672239600}
        if symbol == "ODD":
            return {"symbol": symbol, "regularMarketPrice": None}
        return {**whole, "bid": 129.9, "ask": 0, "exchange": "NMS"}


def yahoo(url: str, symbols: list[str]) -> Yahoo:
    time = AsyncTime(OPEN)
    return Yahoo(symbols, clock=time, sleep=time.wait, exchange="XNYS", url=url, cookie_url=f"{url}/cookie")


def test_yahoo_is_asked_for_500_symbols_in_two_requests_with_one_cookie_and_crumb() -> None:
    symbols = [f"S{number}" for number in range(499)]

    async def run() -> None:
        async with rest(YahooServer()) as server:
            ended = await until_it_fails(yahoo(server.url, [*symbols, "ODD"]), batches=2)
            assert [each.path for each in server.asked] == [
                "/cookie",
                "/v1/test/getcrumb",
                "/v7/finance/quote",
                "/v7/finance/quote",
            ]
            assert [tick.symbol for tick in ended.ticks] == symbols
            first = ended.ticks[0]
            assert (first.price, first.bid_price, first.ask_price, first.exchange) == (129.93, 129.9, None, "NMS")
            assert [reject.source for reject in ended.rejects] == ["yahoo"]

    asyncio.run(run())


@pytest.mark.parametrize(("stale", "crumbs"), [(0, 1), (1, 2)])
def test_a_crumb_that_has_expired_is_asked_for_again_once(stale: int, crumbs: int) -> None:
    async def run() -> None:
        answer = YahooServer(stale)
        async with rest(answer) as server:
            found = await yahoo(server.url, []).snapshot(["AAPL"])
            assert (len(found.ticks), answer.crumbs) == (1, crumbs)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (PlainTextResponse("Too Many Requests", status_code=429), RateLimited),
        (JSONResponse({}, status_code=401), Refused),
        (JSONResponse({}, status_code=503), ProviderError),
        (PlainTextResponse("<html>consent</html>"), ProviderError),
    ],
)
def test_a_yahoo_that_refuses_says_how(answer: Response, error: type[ProviderError]) -> None:
    async def run() -> None:
        async with rest(lambda _: answer) as server:
            await yahoo(server.url, []).snapshot(["AAPL"])

    with pytest.raises(error):
        asyncio.run(run())


def test_a_yahoo_that_is_not_there_is_a_disconnection() -> None:
    with pytest.raises(Disconnected):
        asyncio.run(yahoo("http://127.0.0.1:1", []).snapshot(["AAPL"]))
