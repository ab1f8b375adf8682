"""One real ClickHouse process for the folder, migrated, with a few rows in the marts and a table outside them."""

from collections.abc import Iterator

import pytest

from lakehouse.migrations.clickhouse import upgrade
from tests.factories.clickhouse_process import ClickHouseProcess, clickhouse_process


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseProcess]:
    """The server, migrated."""
    with clickhouse_process(tmp_path_factory.mktemp("clickhouse")) as running:
        upgrade(running.settings)
        with running.client() as owner:
            owner.command("CREATE DATABASE private")
            owner.command("CREATE TABLE private.salaries (name String, amount Int64) ENGINE = MergeTree ORDER BY name")
            owner.command("INSERT INTO private.salaries VALUES ('a', 1)")
            owner.command("CREATE TABLE tidemark.numbers_kept (n Int64, s String) ENGINE = MergeTree ORDER BY n")
            owner.command("INSERT INTO tidemark.numbers_kept SELECT number, toString(number) FROM numbers(1000)")
        yield running
