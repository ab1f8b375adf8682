"""Views that explain themselves, what they allow, and the tools that read them."""

import json
import re
from collections.abc import Iterator
from typing import cast

import pytest
import sqlalchemy
from clickhouse_connect.driver.exceptions import DatabaseError

from lakehouse.contracts.tables import TABLES
from lakehouse.settings import project_root
from lakehouse.stores.analyst import Analyst
from tests.factories.clickhouse_process import ClickHouseProcess

pytestmark = pytest.mark.integration

COMMENT = re.compile(
    r"(?P<meaning>[^|].*?) \| unit: (?P<unit>[^|]+) \| currency: (?P<currency>[^|]+) \| grain: (?P<grain>[^|]+)"
    r" \| source: (?P<source>[^|]+) \| refresh: (?P<refresh>[^|]+)"
)
UNITS = {
    "money", "money per unit", "share", "probability", "ratio", "log ratio", "units", "days", "hours", "count", "rows",
    "number", "date", "instant (UTC)", "text", "id", "yes or no",
}  # fmt: skip
MONEY = {"money", "money per unit"}
# What a contract calls the unit of a column, and what a view calls it.
SAME_UNIT = {
    "base currency": "money", "currency of the prices": "money", "currency per unit": "money per unit",
    "base currency per unit": "money per unit", "fraction": "share",
}  # fmt: skip


@pytest.fixture(scope="module")
def columns(clickhouse: ClickHouseProcess) -> list[dict[str, str]]:
    """Every column of every view, as the analyst sees it."""
    with Analyst(clickhouse.section) as analyst:
        rows = analyst.rows(
            "SELECT columns.table AS view, columns.name AS name, columns.type AS type, columns.comment AS comment "
            "FROM system.columns AS columns "
            "INNER JOIN system.tables AS tables ON tables.database = columns.database AND tables.name = columns.table "
            "WHERE tables.engine = 'View' AND columns.database = currentDatabase() ORDER BY view, columns.position"
        )
    return cast(list[dict[str, str]], rows)


@pytest.fixture
def analyst(clickhouse: ClickHouseProcess) -> Iterator[Analyst]:
    with Analyst(clickhouse.section) as opened:
        yield opened


def test_every_column_says_unit_currency_grain_source_and_refresh(columns: list[dict[str, str]]) -> None:
    silent = [f"{row['view']}.{row['name']}" for row in columns if not COMMENT.fullmatch(row["comment"])]
    assert silent == [], "give each a comment as 0007_analyst_views.sql has them"
    unknown = {row["name"]: _said(row)["unit"] for row in columns if _said(row)["unit"] not in UNITS}
    assert unknown == {}


def test_money_names_its_currency_and_nothing_else_does(columns: list[dict[str, str]]) -> None:
    for row in columns:
        said, place = _said(row), f"{row['view']}.{row['name']}"
        siblings = {other["name"] for other in columns if other["view"] == row["view"]}
        if said["unit"] in MONEY:
            assert said["currency"] == "of the prices" or said["currency"] in siblings, place
        else:
            assert said["currency"] == "none", place
        assert (said["unit"] in MONEY) or not row["name"].endswith("_base"), place


def test_a_view_is_about_one_grain_one_source_and_one_refresh(columns: list[dict[str, str]]) -> None:
    for view in {row["view"] for row in columns}:
        said = [_said(row) for row in columns if row["view"] == view]
        for part in ("grain", "source", "refresh"):
            assert len({each[part] for each in said}) == 1, (view, part)
        sources = set(said[0]["source"].split(", "))
        assert sources <= {*TABLES, "system.columns"}, view
        names = {row["name"] for row in columns if row["view"] == view}
        assert said[0]["grain"].split(",")[0].split(" ")[0] in names, view


def test_units_are_those_of_the_contracts(columns: list[dict[str, str]]) -> None:
    compared = 0
    for row in columns:
        said = _said(row)
        for source in set(said["source"].split(", ")) & set(TABLES):
            found = next((each for each in TABLES[source].columns if each.name == row["name"]), None)
            if found is None or found.unit == "" or said["unit"] == "log ratio":
                continue
            compared += 1
            # A probability is written as a share in some contracts: both are numbers from 0 to 1.
            unit = "share" if found.unit.startswith("share of") else SAME_UNIT.get(found.unit, found.unit)
            assert said["unit"] in {unit, "probability" if unit == "share" else ""}, f"{row['view']}.{row['name']}"
    assert compared > 80


def test_the_catalogue_is_the_comments(analyst: Analyst, columns: list[dict[str, str]]) -> None:
    rows = analyst.rows("SELECT * FROM catalogue ORDER BY view_name, position")
    assert [(row["view_name"], row["column_name"], row["type"]) for row in rows] == [
        (row["view"], row["name"], row["type"]) for row in columns
    ]
    parts = ("meaning", "unit", "currency", "grain", "source", "refresh")
    assert [{part: row[part] for part in parts} for row in rows] == [_said(row) for row in columns]


def test_declared_columns_are_those_of_the_query_behind(clickhouse: ClickHouseProcess) -> None:
    with clickhouse.client(database=clickhouse.section.database) as owner:
        views = owner.query(
            "SELECT name, as_select FROM system.tables WHERE database = currentDatabase() AND engine = 'View'"
        ).result_rows
        assert len(views) > 15
        for name, query in views:
            declared = owner.query(f"DESCRIBE TABLE {name}").result_rows
            computed = owner.query(f"DESCRIBE TABLE ({query})").result_rows
            assert [row[:2] for row in declared] == [row[:2] for row in computed], name


def test_every_view_answers_the_analyst_though_it_is_empty(analyst: Analyst, columns: list[dict[str, str]]) -> None:
    for view in sorted({row["view"] for row in columns}):
        analyst.rows(f"SELECT * FROM {view} LIMIT 1")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO portfolio_risk_latest SELECT * FROM portfolio_risk_latest",
        "INSERT INTO risk_history (run_id) VALUES ('x')",
        "ALTER TABLE risk_history COMMENT COLUMN run_id 'mine'",
        "ALTER TABLE risk_history MODIFY QUERY SELECT 1",
        "CREATE OR REPLACE VIEW risk_history AS SELECT 1",
        "DROP VIEW risk_history",
        "RENAME TABLE risk_history TO mine",
        "SET readonly = 0",
        "SELECT * FROM risk_history SETTINGS readonly = 0",
        "SELECT * FROM risk_history WHERE run_id IN (SELECT * FROM file('/etc/passwd', 'LineAsString'))",
        "SELECT * FROM risk_history INNER JOIN url('http://127.0.0.1:1/', 'CSV', 'a String') AS u ON u.a = run_id",
        "SELECT * FROM s3('http://127.0.0.1:1/b/k', 'CSV', 'a String')",
        "SELECT * FROM catalogue WHERE view_name IN (SELECT name FROM system.users)",
    ],
)
def test_the_analyst_cannot_go_beyond_reading_them(clickhouse: ClickHouseProcess, statement: str) -> None:
    with clickhouse.analyst() as analyst, pytest.raises(DatabaseError) as refused:
        analyst.raw_query(statement)
    assert refused.value.code in (62, 164, 497), str(refused.value)


def test_the_catalogue_shows_no_other_database(clickhouse: ClickHouseProcess) -> None:
    with clickhouse.client() as owner, clickhouse.analyst() as analyst:
        owner.command("CREATE OR REPLACE VIEW private.hidden (secret Int64 COMMENT 'x') AS SELECT 1 AS secret")
        assert analyst.query("SELECT count() FROM catalogue WHERE column_name = 'secret'").result_rows == [(0,)]


def test_the_settings_that_a_jdbc_driver_sends_are_taken(clickhouse: ClickHouseProcess) -> None:
    sent = {
        "wait_end_of_query": 1, "async_insert": 0, "max_result_rows": 200, "result_overflow_mode": "break",
        "output_format_binary_write_json_as_string": 1,
    }  # fmt: skip
    statement = "SELECT name FROM system.tables WHERE database = 'tidemark' ORDER BY name LIMIT 3"
    answer = clickhouse.request(
        statement, params=sent, user="analyst", headers={"X-ClickHouse-Format": "RowBinaryWithNamesAndTypes"}
    )
    assert answer.status == 200, answer.data
    # The driver reads no row of an answer whose summary says that there is none.
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["result_rows"] == "3"
    compressed = clickhouse.request(statement, params={"compress": 1}, user="analyst")
    assert compressed.headers["X-ClickHouse-Exception-Code"] == "344"


def test_sqlalchemy_sees_the_views_and_their_columns(clickhouse: ClickHouseProcess) -> None:
    section = clickhouse.section
    url = sqlalchemy.URL.create(
        "clickhousedb",
        username=section.analyst_user,
        password=section.analyst_password.get_secret_value(),
        host=section.host,
        port=section.port,
        database=section.database,
    )
    engine = sqlalchemy.create_engine(url)
    inspector = sqlalchemy.inspect(engine)
    names = {*inspector.get_table_names(section.database), *inspector.get_view_names(section.database)}
    assert {"portfolio_risk_latest", "risk_history", "catalogue"} <= names
    found = [column["name"] for column in inspector.get_columns("risk_change", section.database)]
    assert "var_change_base" in found
    with engine.connect() as connection:
        statement = sqlalchemy.text("SELECT unit FROM catalogue WHERE view_name = 'risk_change' AND position = 1")
        assert connection.execute(statement).scalar() == "date"
    engine.dispose()


def test_a_servers_analyst_is_fenced_like_the_embedded_one() -> None:
    text = (project_root() / "deploy" / "clickhouse" / "users.xml").read_text(encoding="utf-8")
    profile, quota, user = re.findall(r"<analyst>(.*?)</analyst>", text, flags=re.DOTALL)
    limits = dict(re.findall(r"<(\w+)>(\d+)</\1>", profile))
    assert limits["readonly"] == "1"
    for name in ("max_execution_time", "max_memory_usage", "max_result_rows", "max_rows_to_read"):
        assert int(limits[name]) > 0, name
    assert int(dict(re.findall(r"<(\w+)>(\d+)</\1>", quota))["queries"]) > 0
    assert re.findall(r"<query>(.*?)</query>", user) == ["GRANT SELECT ON tidemark.*"]
    assert "<profile>analyst</profile>" in user
    assert "<quota>analyst</quota>" in user
    assert "access_management" not in user
    assert '<default remove="remove"/>' in text


def _said(row: dict[str, str]) -> dict[str, str]:
    found = COMMENT.fullmatch(row["comment"])
    assert found is not None, f"{row['view']}.{row['name']}: {row['comment']}"
    return found.groupdict()
