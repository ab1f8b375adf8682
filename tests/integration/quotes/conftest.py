"""A TimescaleDB with the demo's instruments and a Redis, once for the folder; a topic of each test's own."""

from collections.abc import Iterator

import pytest

from lakehouse.contracts.topics.quotes import ENRICHED
from lakehouse.migrations import postgres as migrations
from lakehouse.migrations.postgres.demo import seed_demo
from lakehouse.settings import Settings
from lakehouse.stores import kafka, postgres
from tests.factories.postgres_server import PostgresServer, restartable_postgres
from tests.factories.quotes_process import Market, market_of
from tests.factories.redis_server import redis_server


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with restartable_postgres(with_timescale=True) as made:
        yield made


@pytest.fixture(scope="module")
def engines(stack: Settings, server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    kafka.ensure_topics(stack.kafka, (ENRICHED,))
    with redis_server() as redis:
        changes = {"postgres": server.settings, "redis": redis, "home": tmp_path_factory.mktemp("quotes")}
        settings = stack.model_copy(update=changes)
        migrations.upgrade(settings)
        seed_demo(settings)
        yield settings


@pytest.fixture
def market(engines: Settings) -> Market:
    """A topic of the test's own, and no ticks, bars or prices yet."""
    with postgres.connect(engines.postgres) as connection:
        connection.execute("TRUNCATE market.quote_tick, market.bar, market.realtime_symbols, market.quote_progress")
    return market_of(engines)
