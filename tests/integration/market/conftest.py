"""A migrated PostgreSQL with the demo's instruments, and a Redis, started once for the folder."""

from collections.abc import Iterator

import pytest

from lakehouse.migrations.postgres.demo import seed_demo
from lakehouse.settings import Settings
from tests.factories import databases
from tests.factories.postgres_server import postgres_server
from tests.factories.redis_server import redis_server


@pytest.fixture(scope="session")
def market_engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of the engines, with the template database made."""
    with postgres_server() as postgres, redis_server() as redis:
        settings = Settings(home=tmp_path_factory.mktemp("market"), postgres=postgres, redis=redis)
        databases.template(settings)
        yield settings


@pytest.fixture
def market(market_engines: Settings) -> Settings:
    """Settings of a database of the test's own with the demo's instruments."""
    settings = databases.fresh(market_engines)
    seed_demo(settings)
    return settings
