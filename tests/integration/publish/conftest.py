"""Publishing to marts: a ClickHouse, a PostgreSQL and a bucket of the tests' own, on the stack's Spark and S3."""

from collections.abc import Iterator

import pytest

from lakehouse.migrations import clickhouse
from lakehouse.migrations.postgres import upgrade
from lakehouse.settings import PostgresSettings, Settings
from tests.factories.clickhouse_process import ClickHouseProcess, clickhouse_process
from tests.factories.lake import lake_of_its_own
from tests.factories.postgres_server import postgres_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseProcess]:
    """A ClickHouse process with nothing in it."""
    with clickhouse_process(tmp_path_factory.mktemp("clickhouse")) as running:
        yield running


@pytest.fixture(scope="module")
def database(stack: Settings) -> Iterator[PostgresSettings]:
    """A migrated PostgreSQL."""
    with postgres_server() as section:
        upgrade(stack.model_copy(update={"postgres": section}))
        yield section


@pytest.fixture
def lake(stack: Settings, database: PostgresSettings, server: ClickHouseProcess) -> Iterator[Settings]:
    """Settings of an empty lake whose marts are migrated and empty."""
    with lake_of_its_own(stack, database) as settings:
        whole = settings.model_copy(update={"clickhouse": server.section})
        clickhouse.upgrade(whole)
        with server.client(database=server.section.database) as client:
            for (name,) in client.query(
                "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'MergeTree' "
                "AND name <> 'schema_migration'"
            ).result_rows:
                client.command(f"TRUNCATE TABLE `{name}`")
        yield whole
