"""clickhouse-connect's ordinary use, unchanged."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from clickhouse_connect.driver.external import ExternalData

from tests.factories.clickhouse_process import ClickHouseProcess

pytestmark = pytest.mark.integration


COLUMNS = (
    "id Int64, name String, price Nullable(Float64), day Date32, at DateTime64(6, 'UTC'), amount Decimal(20, 2), "
    "key UUID, tags Array(String), ok Bool"
)
ROWS = [
    [1, "é 'quoted' \\ text\n", 1.5, dt.date(1990, 1, 2), dt.datetime(2022, 12, 28, 12, 0, 0, 123456, dt.UTC),
     Decimal("123456789012345678.91"), UUID(int=1), ["a", "b"], True],
    [2, "", None, dt.date(2200, 1, 1), dt.datetime(1970, 1, 1, tzinfo=dt.UTC), Decimal("-0.01"), UUID(int=2), [],
     False],
]  # fmt: skip


@pytest.fixture
def table(clickhouse: ClickHouseProcess, request: pytest.FixtureRequest) -> str:
    name = f"tidemark.kinds_{abs(hash(request.node.name))}"
    with clickhouse.client() as client:
        client.command(f"CREATE OR REPLACE TABLE {name} ({COLUMNS}) ENGINE = MergeTree ORDER BY id")
    return name


def test_rows_of_every_kind_come_back_as_they_went(clickhouse: ClickHouseProcess, table: str) -> None:
    with clickhouse.client() as client:
        summary = client.insert(table, ROWS)
        found = client.query(f"SELECT * FROM {table} ORDER BY id", column_formats={"key": "native"}, tz_mode="aware")
    assert summary.written_rows == 2
    assert [list(row) for row in found.result_rows] == ROWS


def test_an_answer_without_rows_still_names_its_columns(clickhouse: ClickHouseProcess, table: str) -> None:
    with clickhouse.client() as client:
        for tail in ("WHERE 0", "LIMIT 0", "WHERE id = {id:Int64}", "WHERE 0 SETTINGS max_threads = 1"):
            found = client.query(f"SELECT id, price AS p FROM {table} {tail}", parameters={"id": -1})
            assert found.column_names == ("id", "p")
            assert found.result_rows == []
        assert client.query_arrow(f"SELECT id FROM {table} WHERE 0").schema.names == ["id"]
        assert client.query("SHOW TABLES FROM tidemark LIKE 'no such'").result_rows == []


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_both_ways_compressed(clickhouse: ClickHouseProcess, table: str, compress: str | bool) -> None:
    rows = [[number, *ROWS[0][1:]] for number in range(20_000)]
    with clickhouse.client(compress=compress) as client:
        client.insert(table, rows)
        found = client.query(f"SELECT id FROM {table} ORDER BY id").result_columns[0]
    assert list(found) == list(range(20_000))


def test_data_frames_and_arrow(clickhouse: ClickHouseProcess) -> None:
    frame = pd.DataFrame({"n": np.arange(1000), "s": [str(n) for n in range(1000)], "v": np.linspace(0, 1, 1000)})
    with clickhouse.client() as client:
        client.command("CREATE OR REPLACE TABLE tidemark.frames (n Int64, s String, v Float64) ENGINE = Memory")
        client.insert_df("tidemark.frames", frame)
        client.insert_arrow("tidemark.frames", pa.Table.from_pandas(frame, preserve_index=False))
        read = client.query_df("SELECT n, s, v FROM tidemark.frames ORDER BY n LIMIT 1 BY n")
        arrow = client.query_arrow("SELECT n, s, v FROM tidemark.frames ORDER BY n", use_strings=True)
    pd.testing.assert_frame_equal(read, frame, check_dtype=False)
    assert arrow.num_rows == 2000
    assert arrow.schema.field("s").type == pa.string()


def test_streams(clickhouse: ClickHouseProcess) -> None:
    statement = "SELECT number, toString(number) AS s FROM numbers(500000)"
    with clickhouse.client() as client:
        with client.query_row_block_stream(statement) as blocks:
            rows = [row for block in blocks for row in block]
        with client.query_df_stream(statement) as frames:
            sizes = [len(frame) for frame in frames]
        with client.query_arrow_stream(statement) as batches:
            total = sum(batch.num_rows for batch in batches)
    assert rows[-1] == (499_999, "499999")
    assert len(sizes) > 1
    assert sum(sizes) == total == 500_000


def test_an_abandoned_stream_leaves_the_session_usable(clickhouse: ClickHouseProcess) -> None:
    with clickhouse.client() as client:
        with client.query_row_block_stream("SELECT number FROM numbers(3000000)") as blocks:
            next(iter(blocks))
        assert client.command("SELECT 1") == 1


def test_an_error_in_the_middle_of_a_stream_reaches_the_reader(clickhouse: ClickHouseProcess) -> None:
    statement = "SELECT throwIf(number = 5000000) FROM numbers(10000000)"
    with (
        clickhouse.client() as client,
        pytest.raises(StreamFailureError, match="395"),
        client.query_row_block_stream(statement) as blocks,
    ):
        for _ in blocks:
            pass


def test_bound_parameters(clickhouse: ClickHouseProcess) -> None:
    hostile = "x' OR 1 = 1 -- \\ \n\t{}"
    with clickhouse.client() as client:
        server = client.query(
            "SELECT {s:String}, {n:Nullable(Int32)}, {a:Array(String)}, {d:Date}",
            parameters={"s": hostile, "n": None, "a": ["1", hostile], "d": dt.date(2022, 1, 2)},
        )
        by_client = client.query("SELECT %(s)s", parameters={"s": hostile})
        long = client.query("SELECT length({s:String})", parameters={"s": "y" * 500_000})
    assert server.result_rows == [(hostile, None, ["1", hostile], dt.date(2022, 1, 2))]
    assert by_client.result_rows == [(hostile,)]
    assert long.result_rows == [(500_000,)]


def test_settings_last_for_one_query(clickhouse: ClickHouseProcess) -> None:
    asked = "SELECT getSetting('max_block_size')"
    with clickhouse.client() as client:
        client.command("SET max_block_size = 1234")
        during = client.query(asked, settings={"max_block_size": 77}).result_rows
        after = client.command(asked)
        untouched = client.query("SELECT getSetting('max_threads')", settings={"max_threads": 1}).result_rows
        again = client.command("SELECT changed FROM system.settings WHERE name = 'max_threads'")
    assert (during, after, untouched, again) == ([(77,)], 1234, [(1,)], 0)


def test_a_session_keeps_temporary_tables_to_itself(clickhouse: ClickHouseProcess) -> None:
    with clickhouse.client() as one, clickhouse.client() as other:
        one.command("CREATE TEMPORARY TABLE own (a Int32)")
        one.insert("own", [[1], [2]], column_names=["a"], column_type_names=["Int32"])
        assert one.query("SELECT sum(a) FROM own").result_rows == [(3,)]
        with pytest.raises(DatabaseError) as missing:
            other.query("SELECT * FROM own")
    assert missing.value.code == 60


def test_external_tables_travel_with_a_query(clickhouse: ClickHouseProcess) -> None:
    data = ExternalData(file_name="more.csv", fmt="CSV", structure=["a Int32", "b String"], data=b"1,x\n2,y\n")
    with clickhouse.client() as client:
        rows = client.query("SELECT a, b FROM more ORDER BY a", external_data=data).result_rows
        again = client.query("SELECT a, b FROM more ORDER BY a", external_data=data).result_rows
    assert rows == again == [(1, "x"), (2, "y")]


@pytest.mark.parametrize(
    ("statement", "code", "name"),
    [
        ("SELEC 1", 62, "SYNTAX_ERROR"),
        ("SELECT nope", 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT nope()", 46, "UNKNOWN_FUNCTION"),
        ("SELECT * FROM nope", 60, "UNKNOWN_TABLE"),
        ("SELECT * FROM nope.nope", 81, "UNKNOWN_DATABASE"),
        ("SELECT 1 SETTINGS nope = 1", 115, "UNKNOWN_SETTING"),
        ("SELECT throwIf(1)", 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SELECT sleep(2) SETTINGS max_execution_time = 1", 159, "TIMEOUT_EXCEEDED"),
        ("SELECT 1; SELECT 2", 62, "SYNTAX_ERROR"),
        ("SELECT 1 INTO OUTFILE '/tmp/stolen'", 308, "INTO_OUTFILE_NOT_ALLOWED"),
        ("SYSTEM SHUTDOWN", 344, "SUPPORT_IS_DISABLED"),
        ("INSERT INTO tidemark.numbers_kept SELECT n, '' FROM input('n Int64') FORMAT CSV\n1\n", 48, "NOT_IMPLEMENTED"),
        ("INSERT INTO tidemark.numbers_kept FORMAT CSV\nx,y\n", 27, "CANNOT_PARSE_INPUT_ASSERTION_FAILED"),
    ],
)
def test_errors_carry_number_and_name(clickhouse: ClickHouseProcess, statement: str, code: int, name: str) -> None:
    with clickhouse.client() as client, pytest.raises(DatabaseError) as failed:
        client.command(statement)
    assert (failed.value.code, failed.value.name) == (code, name)


def test_a_violated_check_inserts_nothing(clickhouse: ClickHouseProcess) -> None:
    with clickhouse.client(database="tidemark") as client:
        values = "('2022-01-03', 'A', '2022-01-03 00:00:00', 1, {high}, 2, 1, 1, NULL, 1)"
        client.command("CREATE OR REPLACE TABLE checked AS bars_1m_v1")
        with pytest.raises(DatabaseError) as failed:
            client.command(f"INSERT INTO checked VALUES {values.format(high=3)}, {values.format(high=1)}")
        assert client.command("SELECT count() FROM checked") == 0
    assert failed.value.code == 469


def test_replace_partition_is_idempotent(clickhouse: ClickHouseProcess) -> None:
    with clickhouse.client(database="tidemark") as client:
        client.command("CREATE OR REPLACE TABLE staged AS returns_daily_v1")
        client.command("CREATE OR REPLACE TABLE target AS returns_daily_v1")
        client.command(
            "INSERT INTO staged SELECT 2022, toString(number), toDate32('2022-01-04'), toDate32('2022-01-03'), 'USD', "
            "1, 0.1, 0.1 FROM numbers(500)"
        )
        for _ in range(2):
            client.command("ALTER TABLE target REPLACE PARTITION 2022 FROM staged")
        assert client.command("SELECT count() FROM target") == 500


def test_eight_threads_read_and_write_at_once(clickhouse: ClickHouseProcess) -> None:
    with clickhouse.client() as client:
        client.command("CREATE OR REPLACE TABLE tidemark.shared (t Int32, n Int64) ENGINE = MergeTree ORDER BY n")

    def work(thread: int) -> list[int]:
        with clickhouse.client(autogenerate_session_id=False) as own:
            return [_one_round(own, thread, number) for number in range(25)]

    with ThreadPoolExecutor(8) as pool:
        sums = list(pool.map(work, range(8)))
    with clickhouse.client() as client:
        written = client.query("SELECT t, count() FROM tidemark.shared GROUP BY t ORDER BY t").result_rows
    assert sums == [[4950] * 25] * 8
    assert written == [(thread, 25) for thread in range(8)]


def _one_round(client: Client, thread: int, number: int) -> int:
    client.insert("tidemark.shared", [[thread, number]], column_names=["t", "n"])
    return int(str(client.command("SELECT sum(number) FROM numbers(100)")))
