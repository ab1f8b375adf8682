"""From an empty engine to the contracts, and no further."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from lakehouse.contracts.model import Store, Table
from lakehouse.contracts.render import clickhouse as render
from lakehouse.contracts.tables import tables_in
from lakehouse.migrations.clickhouse import MigrationError, upgrade
from lakehouse.migrations.clickhouse.runner import load
from lakehouse.stores.clickhouse import connect
from tests.factories.clickhouse_process import ClickHouseProcess, clickhouse_process

pytestmark = pytest.mark.integration


FOLDER = Path(upgrade.__code__.co_filename).parent
TABLES = tables_in(Store.CLICKHOUSE)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ClickHouseProcess, list[str]]]:
    """A server that was empty, and the names of the migrations that ran."""
    with clickhouse_process(tmp_path_factory.mktemp("migrations")) as running:
        yield running, upgrade(running.settings)


@pytest.fixture
def client(migrated: tuple[ClickHouseProcess, list[str]]) -> Iterator[Client]:
    with connect(migrated[0].section) as opened:
        yield opened


def test_every_file_ran_once(migrated: tuple[ClickHouseProcess, list[str]], client: Client) -> None:
    running, applied = migrated
    assert applied == [migration.name for migration in load(FOLDER)]
    assert upgrade(running.settings) == []
    assert client.query("SELECT name FROM schema_migration ORDER BY version").result_columns[0] == applied


def test_no_table_differs_from_its_contract(client: Client) -> None:
    found = {row[0]: row[1:] for row in client.query(
        "SELECT name, engine, sorting_key, partition_key, comment FROM system.tables "
        "WHERE database = currentDatabase() AND engine != 'View' AND name != 'schema_migration'"
    ).result_rows}  # fmt: skip
    expected = {
        table.short_name: (
            "MergeTree", ", ".join(table.key), table.partition_by or "", render.table_comment(table)
        )
        for table in TABLES
    }  # fmt: skip
    assert found == expected


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.name))
def test_no_column_and_no_check_differs_from_its_contract(client: Client, table: Table) -> None:
    name = {"table": table.short_name}
    columns = client.query(
        "SELECT name, type, comment FROM system.columns "
        "WHERE database = currentDatabase() AND table = {table:String} ORDER BY position",
        parameters=name,
    ).result_rows
    checks = client.query(
        "SELECT name, expression FROM system.constraints WHERE database = currentDatabase() AND table = {table:String}",
        parameters=name,
    ).result_rows
    assert [render.ClickHouseColumn(*row) for row in columns] == list(render.columns(table))
    expected = {
        check: client.query(
            "SELECT formatQuerySingleLine({q:String})", parameters={"q": f"SELECT {predicate}"}
        ).result_rows[0][0]
        for check, predicate in render.constraints(table).items()
    }
    assert {check: f"SELECT {expression}" for check, expression in checks} == expected


def test_the_rendered_statement_is_the_migrated_table(client: Client) -> None:
    for table in TABLES:
        client.command("CREATE DATABASE IF NOT EXISTS rendered")
        statement = render.create_table(table).replace("EXISTS ", "EXISTS rendered.", 1)
        client.command(statement)
        both = [
            str(client.command(f"SHOW CREATE TABLE {database}.{table.short_name}")).replace(f"{database}.", "", 1)
            for database in ("tidemark", "rendered")
        ]
        assert both[0] == both[1]


def test_the_views_read_the_newest_date(client: Client) -> None:
    portfolio = "toUUID('00000000-0000-7000-8000-000000000001')"
    risk = (
        "INSERT INTO portfolio_risk_v1 SELECT toDate32({day:String}), " + portfolio + ", 'Core', 'USD', 'historical', "
        "0.99, 1, 1000, 20, 25, 'higher', 250, 250, 2, 250, 'run'"
    )
    backtest = (
        "INSERT INTO var_backtest_v1 SELECT toDate32({day:String}), " + portfolio + ", 'historical', 0.99, "
        "toDate32({day:String}) - number, 20, if(number < 2, -30, 10), number < 2, 'run' FROM numbers(5)"
    )
    load_record = "('gold.portfolio_risk_v1', '2022-12-28', 7, 1, 'h', 'run', '2022-12-29 01:00:00')"
    for day in ("2022-12-27", "2022-12-28"):
        client.command(risk, parameters={"day": day})
        client.command(backtest, parameters={"day": day})
    client.command(f"INSERT INTO mart_load_v1 VALUES {load_record}")
    latest = client.query("SELECT toString(business_date), var_share, delta_version FROM portfolio_risk_latest")
    breaches = client.query("SELECT toString(forecast_date), portfolio_name, excess_base FROM var_breaches ORDER BY 1")
    assert latest.result_rows == [("2022-12-28", 0.02, 7)]
    assert [(day, name, float(excess)) for day, name, excess in breaches.result_rows] == [
        ("2022-12-27", "Core", 10.0),
        ("2022-12-28", "Core", 10.0),
    ]


def test_a_changed_file_and_an_unknown_one_are_errors(
    migrated: tuple[ClickHouseProcess, list[str]], client: Client
) -> None:
    running, _ = migrated
    client.command("INSERT INTO schema_migration VALUES (9999, '9999_of_a_newer_release', 'x', now64())")
    with pytest.raises(MigrationError, match="9999_of_a_newer_release"):
        upgrade(running.settings)
    client.command("DELETE FROM schema_migration WHERE version = 9999")
    client.command("ALTER TABLE schema_migration UPDATE checksum = 'x' WHERE version = 1 SETTINGS mutations_sync = 2")
    with pytest.raises(MigrationError, match=r"0001_marts\.sql was changed"):
        upgrade(running.settings)
