"""Spark tests: one session on the real Connect server, a lake of its own for each test that writes."""

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from lakehouse.migrations.postgres import upgrade
from lakehouse.settings import PostgresSettings, Settings
from lakehouse.stores import spark as store
from tests.factories.lake import lake_of_its_own
from tests.factories.postgres_server import postgres_server


@pytest.fixture(scope="module")
def spark(stack: Settings) -> Iterator[SparkSession]:
    """A session of the module's own: the server closes one that nobody used for ten minutes."""
    session = store.connect(stack.spark)
    yield session
    session.stop()


@pytest.fixture(scope="session")
def database(stack: Settings) -> Iterator[PostgresSettings]:
    """A migrated PostgreSQL of the tests' own, so that no run record of the stack is touched."""
    with postgres_server() as section:
        upgrade(stack.model_copy(update={"postgres": section}))
        yield section


@pytest.fixture
def lake(stack: Settings, database: PostgresSettings) -> Iterator[Settings]:
    """Settings of an empty lake."""
    with lake_of_its_own(stack, database) as settings:
        yield settings
