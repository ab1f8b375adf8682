"""A hot process's engines: a broker that others use too, a PostgreSQL and a Redis of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.contracts.topics import TICKS, books, risk
from lakehouse.migrations import postgres as migrations
from lakehouse.settings import Settings
from lakehouse.stores import kafka
from tests.factories.postgres_server import PostgresServer, restartable_postgres
from tests.factories.redis_server import RedisServer, restartable_redis


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with restartable_postgres() as made:
        yield made


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with restartable_redis() as made:
        yield made


@pytest.fixture
def settings(stack: Settings, server: PostgresServer, redis: RedisServer) -> Settings:
    """An empty, migrated database, and a Redis without anything."""
    kafka.ensure_topics(stack.kafka, (TICKS, books.PORTFOLIO, books.ORDER, risk.RULES))
    made = stack.model_copy(update={"postgres": server.settings, "redis": redis.settings})
    migrations.upgrade(made)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
