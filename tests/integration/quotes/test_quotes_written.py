"""Ticks from a real broker into a real TimescaleDB: nothing lost, nothing doubled, bars to the digit."""

from collections.abc import Iterator

import pytest

from lakehouse.contracts.topics.quotes import ENRICHED
from lakehouse.migrations import postgres as migrations
from lakehouse.migrations.postgres.demo import seed_demo
from lakehouse.settings import Settings
from lakehouse.stores import kafka, postgres
from tests.factories.postgres_server import postgres_server
from tests.factories.quotes_process import Market, market_of, writing_here
from tests.factories.redis_server import redis_server
from tests.factories.tick_days import bars_of, day, newest_trade

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka")]

SYMBOLS = ("AAPL", "MSFT", "JPM")


@pytest.fixture(scope="module")
def engines(stack: Settings) -> Iterator[Settings]:
    kafka.ensure_topics(stack.kafka, (ENRICHED,))
    with postgres_server(with_timescale=True) as section, redis_server() as redis:
        settings = stack.model_copy(update={"postgres": section, "redis": redis})
        migrations.upgrade(settings)
        seed_demo(settings)
        yield settings


@pytest.fixture
def market(engines: Settings) -> Market:
    """A topic of the test's own, and no ticks, bars or prices yet."""
    with postgres.connect(engines.postgres) as connection:
        connection.execute("TRUNCATE market.quote_tick, market.bar, market.realtime_symbols, market.quote_progress")
    return market_of(engines)


def test_bars_and_latest_prices_equal_what_is_recomputed(market: Market) -> None:
    ticks = day(SYMBOLS, 20_000, seed=1)

    with writing_here(market) as metrics:
        market.send(ticks)
        market.wait_for(len(ticks))

    assert market.rows("SELECT count(*) FROM market.quote_tick") == [(len(ticks),)]
    assert market.bars() == bars_of(ticks)
    prices = sorted(market.rows("SELECT symbol, price::float8 FROM market.realtime_symbols"))
    assert prices == sorted((name, newest_trade(ticks, name)["price"]) for name in SYMBOLS)
    assert metrics.registry.get_sample_value("tidemark_quotes_hypertable") == 1
