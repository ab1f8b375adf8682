"""Ticks from a real broker into a real TimescaleDB: nothing lost, nothing doubled, bars to the digit."""

import signal
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lakehouse.clock import SystemClock
from lakehouse.stores import postgres, quotes_keep
from lakehouse.stores.quotes_live import WriterFenced
from tests.factories.postgres_server import PostgresServer
from tests.factories.quotes_process import Market, start_quotes, until, until_said, writing_here
from tests.factories.tick_days import BEGAN_US, Tick, bars_of, day, newest_trade

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka")]

CLOCK = SystemClock()
SYMBOLS = ("AAPL", "MSFT", "JPM")
SINGLE = "SELECT count(*), count(DISTINCT (kafka_partition, kafka_offset)) FROM market.quote_tick"


def assert_equals_recomputation(market: Market, ticks: list[dict[str, object]]) -> None:
    assert market.rows(SINGLE) == [(len(ticks), len(ticks))]
    assert market.bars() == bars_of(ticks)
    prices = sorted(market.rows("SELECT symbol, price::float8 FROM market.realtime_symbols"))
    assert prices == sorted((name, newest_trade(ticks, name)["price"]) for name in SYMBOLS)


def test_bars_and_latest_prices_equal_what_is_recomputed(market: Market) -> None:
    ticks = day(SYMBOLS, 12_000, seed=1)

    with writing_here(market) as metrics:
        for first in range(0, len(ticks), 3_000):
            market.send(ticks[first : first + 3_000])
            market.wait_for(first + 3_000)

    assert_equals_recomputation(market, ticks)
    told = metrics.registry.get_sample_value
    assert told("tidemark_quotes_hypertable") == 1
    assert told("tidemark_quotes_trades_repeated_total")
    assert (told("tidemark_quotes_trades_late_total") or 0) > (told("tidemark_quotes_trades_repeated_total") or 0)
    (counted,) = market.rows("SELECT quotes FROM market.data_provider WHERE name = 'test-feed'")
    assert int(str(counted[0])) >= len(ticks)


def test_a_process_that_is_killed_again_and_again_writes_the_same(market: Market) -> None:
    ticks = day(SYMBOLS, 12_000, seed=2)
    dice = np.random.default_rng(2)
    pieces = [ticks[first : first + 3_000] for first in range(0, len(ticks), 3_000)]

    for piece in pieces:
        process = start_quotes(market)
        until_said(process, "writing")
        market.send(piece)
        CLOCK.sleep(float(dice.random()) * 0.15)  # the seeded moment of the kill
        process.send_signal(signal.SIGKILL)
        process.wait(120)
    with writing_here(market):
        market.wait_for(len(ticks))

    assert_equals_recomputation(market, ticks)


def test_the_older_of_two_processes_is_fenced_and_ends(market: Market) -> None:
    ticks = day(SYMBOLS, 2_000, seed=3)
    older = start_quotes(market)
    until_said(older, "writing")

    with writing_here(market):
        until(lambda: market.rows("SELECT max(epoch) FROM market.quote_progress") == [(2,)], "taken over")
        market.send(ticks)
        market.wait_for(len(ticks))
        _, said = older.communicate(timeout=180)

    assert older.returncode == WriterFenced("").exit_code
    assert "another process writes the quotes" in said
    assert_equals_recomputation(market, ticks)


def test_a_server_that_is_killed_is_waited_for(market: Market, server: PostgresServer) -> None:
    ticks = day(SYMBOLS, 9_000, seed=4)

    with writing_here(market) as metrics:
        for first in range(0, len(ticks), 3_000):
            market.send(ticks[first : first + 3_000])
            server.kill()
            server.restart()
        market.wait_for(len(ticks))

    assert_equals_recomputation(market, ticks)
    assert metrics.registry.get_sample_value("tidemark_quotes_database_failures_total")


def test_what_cannot_be_written_stops_nothing(market: Market) -> None:
    good: Tick = {"event_time_us": BEGAN_US, "kind": "trade", "provider": "test-feed", "sequence": 1, "price": 10.0}
    odd: list[Tick | bytes] = [
        b"no json",
        {**good, "symbol": "A\0B"},
        {**good, "symbol": "X" * 5_000},
        {**good, "symbol": "AAPL", "price": 1e300},
        {**good, "symbol": "AAPL", "price": 1e-300, "sequence": 2},
        {**good, "symbol": "AAPL", "size": 1e300, "sequence": 3},
        {**good, "symbol": "AAPL", "provider": "Not A Provider", "sequence": 4},
        {**good, "symbol": "nobody knows it"},
        {**good, "symbol": "MSFT", "kind": "quote", "price": None, "bid_price": 11.0, "ask_price": 10.0},
        {**good, "symbol": "JPM", "sequence": 5},
    ]

    with writing_here(market) as metrics:
        market.send(odd)
        market.wait_for(len(odd))

    told = metrics.registry.get_sample_value
    assert told("tidemark_quotes_messages_refused_total") == 1
    assert told("tidemark_quotes_ticks_unstorable_total") == 2
    assert market.rows(SINGLE) == [(7, 7)]
    assert market.rows("SELECT symbol FROM market.realtime_symbols ORDER BY symbol") == [("AAPL",), ("JPM",)]
    assert {symbol for symbol, _, _ in market.bars()} == {"AAPL", "JPM"}


def test_old_ticks_are_dropped_and_their_bars_stay(market: Market) -> None:
    ticks = day(("AAPL",), 1_500, seed=5)
    with writing_here(market):
        market.send(ticks)
        market.wait_for(len(ticks))
    before = market.bars()
    after = datetime.fromtimestamp(BEGAN_US / 1e6, UTC) + timedelta(days=2)

    with postgres.connect(market.settings.postgres) as connection:
        dropped = quotes_keep.drop_old(connection, market.topic.name, after, clock=CLOCK)
    late = {**next(tick for tick in ticks if tick["kind"] == "trade"), "sequence": 9_999_999, "price": 1e6}
    with writing_here(market) as metrics:
        market.send([late])
        market.wait_for(len(ticks) + 1)

    assert dropped >= 1
    assert market.rows("SELECT count(*) FROM market.quote_tick") == [(1,)]
    assert market.bars() == before
    assert metrics.registry.get_sample_value("tidemark_quotes_bars_too_late_total") == 1
