"""The one write path of prices: newest by event time, every observation kept, repeats without effect, the bus."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import psycopg
import pytest

from lakehouse.clock import ManualClock, SystemClock
from lakehouse.domain.quote import Bar, LatestQuote, Quote
from lakehouse.settings import Settings
from lakehouse.stores import postgres, quote_bus, quotes, redis
from lakehouse.stores.quotes import Recorded, Refused

pytestmark = pytest.mark.integration

CLOCK = ManualClock()
NOON = CLOCK.now()


def quote(symbol: str = "AAPL", price: str = "125.67", *, seconds: int = 0, seq: int = 0) -> Quote:
    """A quote in dollars, `seconds` after noon."""
    as_of = NOON + timedelta(seconds=seconds)
    return Quote(symbol=symbol, price=Decimal(price), currency="USD", provider="test-feed", as_of=as_of, seq=seq)


def record(settings: Settings, *batches: Sequence[Quote]) -> list[Recorded]:
    """Write the batches, each in a transaction of its own, as the API's role."""

    async def work() -> list[Recorded]:
        pool = postgres.write_pool(settings.postgres, timeout_s=60)
        await pool.open()
        try:
            found = []
            for batch in batches:
                async with postgres.transaction(pool) as connection:
                    found.append(await quotes.record_quotes(connection, batch, clock=CLOCK))
            return found
        finally:
            await pool.close()

    return asyncio.run(work())


def master(settings: Settings, symbol: str = "AAPL") -> tuple[object, ...] | None:
    with postgres.connect(settings.postgres) as connection:
        return connection.execute(
            "SELECT price, as_of, version, previous_close FROM market.realtime_symbols WHERE symbol = %s", (symbol,)
        ).fetchone()


def test_the_newest_by_event_time_wins_in_every_order_of_arrival(market: Settings) -> None:
    ticks = [quote(price=str(100 + n), seconds=n) for n in range(3)]
    for symbol, order in zip(("AAPL", "MSFT", "AMD", "BAC", "BBY", "CVX"), permutations(ticks), strict=True):
        record(market, *([replace(tick, symbol=symbol)] for tick in order))
        found = master(market, symbol)
        assert found is not None
        assert found[:2] == (Decimal("102"), NOON + timedelta(seconds=2))
    with postgres.connect(market.postgres) as connection:
        kept = connection.execute("SELECT count(*) FROM market.realtime_price_history").fetchone()
    assert kept == (18,)


def test_a_batch_changes_a_symbol_once_and_a_repeat_changes_nothing(market: Settings) -> None:
    batch = [quote(price="2", seconds=2), quote(price="1", seconds=1), quote(price="3", seconds=2, seq=1)]
    first, again = record(market, batch, batch)
    assert [(row.symbol, row.price, row.version) for row in first.accepted] == [("AAPL", Decimal("3"), 1)]
    assert first.history == 3
    assert (again.accepted, again.history) == ((), 0)


def test_the_previous_close_is_the_last_price_of_the_day_before(market: Settings) -> None:
    record(market, [quote(price="10", seconds=-86400)], [quote(price="11")], [quote(price="12", seconds=1)])
    found = master(market)
    assert found is not None
    assert (found[0], found[3]) == (Decimal("12"), Decimal("10"))


def test_what_cannot_be_recorded_is_named_and_the_rest_is_recorded(market: Settings) -> None:
    euro = replace(quote(seconds=1), currency="EUR")
    ahead = quote(seconds=301)
    (found,) = record(market, [quote("NONE"), euro, quote(), ahead])
    assert [row.symbol for row in found.accepted] == ["AAPL"]
    assert found.refused == (
        Refused(0, "unknown_symbol"),
        Refused(1, "currency_mismatch"),
        Refused(3, "from_the_future"),
    )


def test_history_never_changes(market: Settings) -> None:
    record(market, [quote()])
    with postgres.connect(market.postgres) as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute("UPDATE market.realtime_price_history SET price = 1")


def test_two_batches_of_the_same_symbols_in_opposite_order_do_not_deadlock(market: Settings) -> None:
    names = ("AAPL", "MSFT", "AMD", "BAC", "BBY", "CVX")

    async def work() -> None:
        pool = postgres.write_pool(market.postgres, timeout_s=60)
        await pool.open()

        async def one(start: int) -> None:
            order = names if start % 2 else names[::-1]
            async with postgres.transaction(pool) as connection:
                batch = [quote(name, seconds=start) for name in order]
                await quotes.record_quotes(connection, batch, clock=CLOCK)

        try:
            await asyncio.gather(*(one(start) for start in range(40)))
        finally:
            await pool.close()

    asyncio.run(work())
    found = master(market)
    assert found is not None
    assert found[1] == NOON + timedelta(seconds=39)


def test_daily_closes_become_bars_and_the_last_one_the_quote(market: Settings) -> None:
    days = (date(2022, 12, 23), date(2022, 12, 27), date(2022, 12, 28))
    bars = [
        Bar(
            symbol=symbol,
            interval="1d",
            starts_at=datetime(day.year, day.month, day.day, tzinfo=UTC),
            close=Decimal(100 + n),
            provider="test-closes",
        )
        for symbol in ("AAPL", "NONE")
        for n, day in enumerate(days)
    ]
    with postgres.connect(market.postgres) as connection:
        loaded = quotes.load_daily_bars(connection, bars, currency="USD", clock=SystemClock())
        again = quotes.load_daily_bars(connection, bars, currency="USD", clock=SystemClock())
    assert (loaded, again) == (3, 0)
    found = master(market)
    assert found is not None
    assert found == (Decimal("102"), datetime(2022, 12, 28, 21, tzinfo=UTC), 1, Decimal("101"))


def test_what_is_published_is_heard_numbered_and_kept(market: Settings) -> None:
    (recorded,) = record(market, [quote(), quote("MSFT", "240.1")])

    async def work() -> tuple[list[tuple[int, list[LatestQuote]]], list[LatestQuote]]:
        client = redis.connect_async(market.redis)
        try:
            async with client.pubsub() as heard:
                await heard.subscribe(quote_bus.CHANNEL)
                await quote_bus.publish(client, recorded.accepted)
                await quote_bus.publish(client, recorded.accepted[:1])
                messages: list[tuple[int, list[LatestQuote]]] = []
                async with asyncio.timeout(120):
                    while len(messages) < 2:
                        message = await heard.get_message(ignore_subscribe_messages=True, timeout=1)
                        if message is not None:
                            messages.append(quote_bus.read(message["data"]))
            return messages, await quote_bus.kept(client)
        finally:
            await client.aclose()

    messages, kept = asyncio.run(work())
    (first, both), (second, one) = messages
    assert second == first + 1
    assert (both, one) == (list(recorded.accepted), list(recorded.accepted[:1]))
    assert sorted(kept, key=lambda row: row.symbol) == list(recorded.accepted)
