"""What the read-only user is refused, and what it may do."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.factories.clickhouse_process import ClickHouseProcess

pytestmark = pytest.mark.integration

WRITES = (
    "INSERT INTO numbers_kept VALUES (1, 'x')",
    "INSERT INTO numbers_kept SELECT 1, 'x'",
    "INSERT INTO FUNCTION file('/tmp/stolen.csv', 'CSV', 'a Int32') SELECT 1",
    "CREATE TABLE stolen (a Int32) ENGINE = Memory",
    "CREATE TEMPORARY TABLE stolen (a Int32)",
    "CREATE VIEW stolen AS SELECT * FROM private.salaries",
    "CREATE FUNCTION stolen AS (x) -> x",
    "CREATE DATABASE stolen",
    "CREATE USER stolen IDENTIFIED WITH no_password",
    "ALTER TABLE numbers_kept DELETE WHERE 1",
    "ALTER TABLE numbers_kept ADD COLUMN x Int32",
    "DELETE FROM numbers_kept WHERE 1",
    "UPDATE numbers_kept SET s = 'x' WHERE 1",
    "TRUNCATE TABLE numbers_kept",
    "DROP TABLE numbers_kept",
    "RENAME TABLE numbers_kept TO stolen",
    "OPTIMIZE TABLE numbers_kept FINAL",
    "ATTACH TABLE stolen FROM '/tmp' (a Int32) ENGINE = File(CSV)",
    "DETACH TABLE numbers_kept",
    "BACKUP TABLE numbers_kept TO File('/tmp/stolen')",
    "GRANT ALL ON *.* TO default",
    "REVOKE ALL ON *.* FROM default",
    "COPY numbers_kept TO '/tmp/stolen.csv'",
)
CONTROL = (
    "SET max_threads = 3",
    "SET readonly = 0",
    "SET ROLE tidemark_owner",
    "SET ROLE ALL",
    "SET ROLE DEFAULT",
    "SET DEFAULT ROLE ALL TO default",
    "SET param_x = '1'",
    "USE private",
    "SYSTEM RELOAD CONFIG",
    "SYSTEM SHUTDOWN",
    "KILL QUERY WHERE 1",
    "BEGIN TRANSACTION",
    "EXECUTE AS default SELECT 1",
    "CHECK TABLE numbers_kept",
    "SELECT 1; SELECT 2",
    "SELECT 1; SET ROLE tidemark_owner",
    "SELECT 1 PARALLEL WITH DROP TABLE numbers_kept",
    "/* harmless */ SET -- really\n ROLE tidemark_owner",
    "(SELECT 1) INTO OUTFILE '/tmp/stolen.csv'",
    "SELECT * FROM numbers_kept INTO OUTFILE '/tmp/stolen.csv' FORMAT CSV",
    "EXPLAIN SELECT 1 INTO OUTFILE '/tmp/stolen.csv'",
)
OUTSIDE = (
    "SELECT * FROM url('http://127.0.0.1:1/x', 'CSV', 'a String')",
    "SELECT * FROM urlCluster('default', 'http://127.0.0.1:1/x', 'CSV', 'a String')",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM fileCluster('default', '/etc/passwd', 'LineAsString')",
    "SELECT * FROM s3('http://127.0.0.1:1/b/k', 'CSV', 'a String')",
    "SELECT * FROM s3Cluster('default', 'http://127.0.0.1:1/b/k', 'CSV', 'a String')",
    "SELECT * FROM gcs('http://127.0.0.1:1/b/k', 'CSV', 'a String')",
    "SELECT * FROM azureBlobStorage('x', 'y', 'z')",
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM remoteSecure('127.0.0.1', system.one)",
    "SELECT * FROM cluster('default', system.one)",
    "SELECT * FROM clusterAllReplicas('default', system.one)",
    "SELECT * FROM deltaLake('http://127.0.0.1:1/b/t', 'k', 's')",
    "SELECT * FROM deltaLakeLocal('/tmp')",
    "SELECT * FROM iceberg('http://127.0.0.1:1/b/t', 'k', 's')",
    "SELECT * FROM icebergLocal('/tmp')",
    "SELECT * FROM hudi('http://127.0.0.1:1/b/t', 'k', 's')",
    "SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', 'CSV', 'a String')",
    "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "SELECT * FROM postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "SELECT * FROM sqlite('/tmp/x.db', 't')",
    "SELECT * FROM mongodb('127.0.0.1:1', 'd', 't', 'u', 'p', 'a String')",
    "SELECT * FROM redis('127.0.0.1:1', 'k', 'k String')",
    "SELECT * FROM odbc('DSN=x', 'd', 't')",
    "SELECT * FROM jdbc('x', 'd', 't')",
    "SELECT * FROM executable('id', 'TSV', 'a String')",
    "SELECT * FROM input('a Int32')",
    "SELECT * FROM python(engine)",
    "SELECT * FROM Python(engine)",
    "SELECT * FROM arrowstream('x')",
    "SELECT * FROM eval('SELECT 1')",
    "SELECT * FROM merge('private', '.*')",
    "SELECT * FROM loop(private.salaries)",
    "SELECT * FROM mergeTreeIndex('private', 'salaries')",
    "SELECT * FROM dictionary('x')",
    "SELECT * FROM viewIfPermitted(SELECT * FROM private.salaries ELSE null('a Int32'))",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT 1))",
    "SELECT * FROM format('CSV', '1')",
    "SELECT * FROM filesystem('/etc')",
    "DESCRIBE TABLE url('http://127.0.0.1:1/x', 'CSV')",
    "DESCRIBE TABLE file('/etc/passwd', 'LineAsString')",
    "EXPLAIN SELECT * FROM url('http://127.0.0.1:1/x', 'CSV', 'a String')",
    "EXPLAIN ESTIMATE SELECT * FROM private.salaries",
    "EXPLAIN TABLE OVERRIDE mysql('127.0.0.1:1', 'd', 't', 'u', 'p') PARTITION BY a",
    "SELECT 1 WHERE 1 IN url('http://127.0.0.1:1/x', 'CSV', 'a Int32')",
    "WITH t AS (SELECT * FROM file('/etc/passwd', 'LineAsString')) SELECT * FROM t",
    "SELECT (SELECT count() FROM file('/etc/passwd', 'LineAsString'))",
    "SELECT 1 UNION ALL SELECT length(file('/etc/passwd'))",
    "SELECT file('/etc/passwd')",
    "SELECT FILE('/etc/passwd')",
    "SELECT `file`('/etc/passwd')",
    "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
    "SELECT * REPLACE (file('/etc/passwd') AS s) FROM numbers_kept LIMIT 1",
    "SELECT s FROM (SELECT '/etc/passwd' AS s) ORDER BY file(s)",
    "SELECT COLUMNS('s') APPLY file FROM (SELECT '/etc/passwd' AS s)",
    "SELECT COLUMNS('s') APPLY (x -> file(x)) FROM (SELECT '/etc/passwd' AS s)",
    "SELECT count() OVER (PARTITION BY file('/etc/passwd'))",
    "SELECT aiGenerate('x', 'y')",
    "SELECT getServerSetting('path')",
    "SELECT getMacro('x')",
    "SELECT hasColumnInTable('127.0.0.1', 'system', 'one', 'dummy')",
    "SELECT showCertificate()",
    "SELECT getClientHTTPHeader('Authorization')",
    "SELECT addressToSymbol(1)",
)
SECRETS = (
    "SELECT * FROM private.salaries",
    "SELECT name FROM `private`.`salaries`",
    "SELECT 'a' IN private.salaries",
    "SELECT ('a', 1) IN (SELECT * FROM private.salaries)",
    "SELECT * FROM `default`.`/etc/passwd`",
    "SELECT * FROM system.processes",
    "SELECT * FROM system.query_log",
    "SELECT * FROM system.server_settings",
    "SELECT * FROM system.users",
    "SELECT * FROM system.grants",
    "SELECT * FROM system.named_collections",
    "SELECT * FROM system.disks",
    "SELECT * FROM system.macros",
    "SELECT * FROM system.errors",
    "SELECT * FROM system.stack_trace",
    "SELECT 1 IN system.processes",
    "SELECT 1 WHERE (1, 2) NOT IN system.processes",
    "SELECT in('x', system.user_processes)",
    "WITH x AS (SELECT 1) SELECT * FROM x, system.processes",
    "SELECT joinGet('private.salaries', 'amount', 'a')",
    "SELECT dictGet('private.salaries', 'amount', 'a')",
    "SHOW TABLES FROM private LIKE 'x' INTO OUTFILE '/tmp/stolen'",
    "SHOW CREATE TABLE private.salaries",
    "SHOW PROCESSLIST",
    "SHOW GRANTS",
    "SHOW USERS",
    "SHOW ACCESS",
    "DESCRIBE TABLE private.salaries",
    "EXISTS TABLE private.salaries",
)
OVERRIDES = (
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS readonly = 2",
    "SELECT 1 SETTINGS max_execution_time = 0",
    "SELECT * FROM (SELECT 1 SETTINGS max_result_rows = 0)",
    "SELECT * FROM numbers_kept SETTINGS max_rows_to_read = 0",
)
EXCESSIVE = (
    "SELECT * FROM numbers(2000000)",
    "SELECT count() FROM numbers(100000000000)",
    "SELECT count() FROM system.numbers",
    "SELECT groupArray(repeat('x', 1000)) FROM numbers(10000000)",
)


@pytest.mark.parametrize("statement", [*WRITES, *CONTROL, *OUTSIDE, *SECRETS, *OVERRIDES])
def test_refused(clickhouse: ClickHouseProcess, statement: str) -> None:
    with clickhouse.analyst() as analyst, pytest.raises(DatabaseError) as refused:
        analyst.raw_query(statement)
    # 62: no such statement; 164: readonly; 497: not granted; 36: no such dictionary. Nothing else, or it was tried.
    assert refused.value.code in (36, 62, 164, 497), str(refused.value)


@pytest.mark.parametrize("statement", EXCESSIVE)
def test_limited(clickhouse: ClickHouseProcess, statement: str) -> None:
    with clickhouse.analyst() as analyst, pytest.raises(DatabaseError) as limited:
        analyst.raw_query(statement)
    assert limited.value.code in (158, 159, 241, 307, 396), str(limited.value)


def test_nothing_was_changed_or_written(clickhouse: ClickHouseProcess) -> None:
    with clickhouse.client() as owner:
        kept = owner.query("SELECT count(), sum(n) FROM tidemark.numbers_kept").result_rows
        names = owner.query("SELECT name FROM system.tables WHERE name ILIKE '%stolen%'").result_rows
    assert kept == [(1000, 499500)]
    assert names == []
    assert not list(Path("/tmp").glob("stolen*"))


@pytest.mark.parametrize(
    ("setting", "value"),
    [("readonly", 0), ("readonly", 2), ("max_execution_time", 0), ("max_execution_time", 3600), ("max_result_rows", 0),
     ("max_memory_usage", 0), ("allow_ddl", 1), ("format_schema", "/etc/passwd"), ("role", "tidemark_owner"),
     ("max_threads", 64), ("output_format_schema", "stolen"), ("allow_introspection_functions", 1)],
)  # fmt: skip
def test_settings_in_the_url_are_refused(clickhouse: ClickHouseProcess, setting: str, value: object) -> None:
    answer = clickhouse.request("SELECT 1", params={setting: value}, user="analyst")
    assert answer.headers["X-ClickHouse-Exception-Code"] in ("164", "452", "512"), answer.data


@pytest.mark.parametrize("database", ["private", "system", "default", "nope"])
def test_other_databases_cannot_be_chosen(clickhouse: ClickHouseProcess, database: str) -> None:
    with clickhouse.analyst() as analyst, pytest.raises(DatabaseError) as refused:
        analyst.raw_query("SELECT 1", settings={"database": database}, use_database=False)
    assert refused.value.code == 497


def test_an_identifier_parameter_reaches_no_other_table(clickhouse: ClickHouseProcess) -> None:
    statement = "SELECT * FROM {d:Identifier}.{t:Identifier}"
    with clickhouse.analyst() as analyst:
        allowed = analyst.query(statement, parameters={"d": "tidemark", "t": "numbers_kept"})
        assert len(allowed.result_rows) == 1000
        for database, table in (("private", "salaries"), ("system", "processes")):
            with pytest.raises(DatabaseError) as refused:
                analyst.query(statement, parameters={"d": database, "t": table})
            assert refused.value.code == 497


def test_a_name_with_a_line_break_cannot_forge_the_syntax_tree(clickhouse: ClickHouseProcess) -> None:
    forged = "SELECT 1 AS `x\n Identifier y`, 2 AS `z (children 0)` FROM system.processes"
    with clickhouse.analyst() as analyst, pytest.raises(DatabaseError) as refused:
        analyst.raw_query(forged)
    assert refused.value.code == 497


def test_the_owners_session_is_out_of_reach(clickhouse: ClickHouseProcess) -> None:
    with clickhouse.client(session_id="shared") as owner, clickhouse.analyst(session_id="shared") as analyst:
        owner.command("CREATE TEMPORARY TABLE kept_apart (a Int32)")
        with pytest.raises(DatabaseError):
            analyst.query("SELECT * FROM kept_apart")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count() FROM numbers_kept",
        "SELECT * FROM portfolio_risk_latest",
        "SELECT * FROM var_breaches",
        "SELECT a.n, b.s FROM numbers_kept AS a INNER JOIN tidemark.numbers_kept AS b USING (n) WHERE a.n IN (1, 2)",
        "WITH big AS (SELECT n FROM numbers_kept WHERE n > 10) SELECT max(n) FROM big WHERE n IN (SELECT n FROM big)",
        "SELECT n, row_number() OVER (ORDER BY n) FROM numbers_kept LIMIT 5",
        "SELECT toStartOfMonth(toDate('2022-01-15') + number) AS m, count() FROM numbers(60) GROUP BY m ORDER BY m",
        "SELECT n FROM numbers_kept WHERE n IN [1, 2, 3] ORDER BY n WITH FILL LIMIT 3",
        "SELECT * FROM values('a Int32', 1, 2)",
        "SHOW TABLES",
        "SHOW DATABASES",
        "SHOW CREATE TABLE numbers_kept",
        "SHOW COLUMNS FROM numbers_kept",
        "DESCRIBE TABLE numbers_kept",
        "EXISTS TABLE numbers_kept",
        "EXPLAIN SELECT * FROM numbers_kept",
        "SELECT name, comment FROM system.tables WHERE database = 'tidemark'",
        "SELECT name, type FROM system.columns WHERE table = 'numbers_kept'",
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'tidemark'",
        "SELECT version(), timezone(), currentDatabase(), hostName()",
    ],
)
def test_allowed(clickhouse: ClickHouseProcess, statement: str) -> None:
    with clickhouse.analyst() as analyst:
        analyst.query(statement)


def test_metadata_shows_only_what_may_be_read(clickhouse: ClickHouseProcess) -> None:
    with clickhouse.analyst() as analyst:
        databases = {row[0] for row in analyst.query("SELECT name FROM system.databases").result_rows}
        tables = analyst.query("SELECT name FROM system.tables WHERE database = 'private'").result_rows
        columns = analyst.query("SELECT name FROM system.columns WHERE database = 'private'").result_rows
    assert "private" not in databases
    assert (tables, columns) == ([], [])


def test_harmless_wishes_are_granted(clickhouse: ClickHouseProcess) -> None:
    statement = "SELECT toInt64(1) AS a FORMAT JSONEachRow"
    plain = clickhouse.request(statement, params={"max_threads": 1}, user="analyst")
    quoted = clickhouse.request(statement, params={"output_format_json_quote_64bit_integers": 1}, user="analyst")
    assert (plain.data, quoted.data) == (b'{"a":1}\n', b'{"a":"1"}\n')


def test_too_many_at_once_are_turned_away(clickhouse: ClickHouseProcess) -> None:
    slow = "SELECT sleepEachRow(0.25) FROM numbers(4)"
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: clickhouse.request(slow, user="analyst"), range(12)))
    codes = [answer.headers.get("X-ClickHouse-Exception-Code") for answer in answers]
    assert "202" in codes
    assert codes.count(None) >= 8
    assert clickhouse.request("SELECT 1", user="analyst").data == b"1\n"
