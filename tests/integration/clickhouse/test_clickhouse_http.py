"""The HTTP interface as curl, browsers and other tools meet it."""

import base64
import gzip
import json
import zlib

import lz4.frame
import psutil
import pytest
from backports import zstd

from tests.factories.clickhouse_process import CLOCK, HTTP, ClickHouseProcess

pytestmark = pytest.mark.integration


NATIVE = (
    b"\x02\x02\x01n\x05Int64" + (1).to_bytes(8, "little") + (2).to_bytes(8, "little") + b"\x01s\x06String\x01\n\x01;"
)
CODE = "X-ClickHouse-Exception-Code"


def test_liveness_needs_no_credentials(clickhouse: ClickHouseProcess) -> None:
    for path in ("/ping", "/replicas_status", "/"):
        answer = HTTP.request("GET", clickhouse.section.url + path)
        assert (answer.status, answer.data) == (200, b"Ok.\n")


@pytest.mark.parametrize(
    ("text_format", "content_type", "expected"),
    [
        ("JSON", "application/json; charset=UTF-8", b'"n": "0"'),
        ("JSONEachRow", "application/x-ndjson; charset=UTF-8", b'{"n":"0","s":"a"}\n'),
        ("CSV", "text/csv; charset=UTF-8; header=absent", b'0,"a"\n'),
        ("CSVWithNames", "text/csv; charset=UTF-8; header=present", b'"n","s"\n0,"a"\n'),
        ("TSV", "text/tab-separated-values; charset=UTF-8", b"0\ta\n"),
        ("PrettyCompact", "text/plain; charset=UTF-8", "│ 0 │ a │".encode()),
        ("Parquet", "application/octet-stream", b"PAR1"),
    ],
)
def test_formats(clickhouse: ClickHouseProcess, text_format: str, content_type: str, expected: bytes) -> None:
    params = {"output_format_json_quote_64bit_integers": 1}
    statement = f"SELECT number AS n, 'a' AS s FROM numbers(1) FORMAT {text_format}"
    by_clause = clickhouse.request(statement, params=params)
    by_default = clickhouse.request(
        "SELECT number AS n, 'a' AS s FROM numbers(1)", params={"default_format": text_format, **params}
    )
    assert expected in by_clause.data
    assert expected in by_default.data
    assert by_clause.headers["Content-Type"] == content_type
    assert by_clause.headers["X-ClickHouse-Format"] == by_default.headers["X-ClickHouse-Format"] == text_format


def test_headers(clickhouse: ClickHouseProcess) -> None:
    answer = clickhouse.request("SELECT sum(n) FROM tidemark.numbers_kept", params={"query_id": "mine-1"})
    assert answer.headers["X-ClickHouse-Query-Id"] == "mine-1"
    assert answer.headers["X-ClickHouse-Timezone"] == "UTC"
    assert answer.headers["X-ClickHouse-Server-Display-Name"] == "tidemark"
    assert int(json.loads(answer.headers["X-ClickHouse-Summary"])["read_rows"]) == 1000


def test_the_statement_may_be_in_the_url_in_the_body_or_in_both(clickhouse: ClickHouseProcess) -> None:
    in_url = clickhouse.request(method="GET", params={"query": "SELECT 1"})
    in_body = clickhouse.request("SELECT 1")
    in_both = clickhouse.request("FROM numbers(2)", params={"query": "SELECT sum(number)"})
    assert [in_url.data, in_body.data, in_both.data] == [b"1\n"] * 3


def test_parameters_in_the_url(clickhouse: ClickHouseProcess) -> None:
    answer = clickhouse.request(
        "SELECT {a:Int32} + 1, {b:Array(String)}", params={"param_a": 41, "param_b": "['x','y']"}
    )
    assert answer.data == b"42\t['x','y']\n"


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("INSERT INTO tidemark.posted FORMAT CSV", b"1,a\n2,b\n"),
        ("INSERT INTO tidemark.posted (n, s) FORMAT JSONEachRow", b'{"n": 1, "s": "a"}\n{"n": 2, "s": "b"}'),
        ("INSERT INTO tidemark.posted (`n`, s) VALUES", b"(1, 'a;--'), (2, 'b')"),
        ("INSERT INTO TABLE tidemark.posted SETTINGS async_insert = 0 FORMAT TSV", b"1\ta\n2\tb\n"),
        ("/* FORMAT Native */ INSERT INTO tidemark.posted -- VALUES\n FORMAT CSV", b"1,a\n2,b\n"),
        ("INSERT INTO tidemark.posted FORMAT Native", NATIVE),
    ],
)  # fmt: skip
def test_rows_follow_their_statement(clickhouse: ClickHouseProcess, statement: str, rows: bytes) -> None:
    for body, params in ((statement.encode() + b"\n" + rows, {}), (rows, {"query": statement})):
        clickhouse.request("CREATE OR REPLACE TABLE tidemark.posted (n Int64, s String) ENGINE = MergeTree ORDER BY n")
        written = clickhouse.request(body, params=params)
        assert (written.status, written.data) == (200, b""), written.data
        assert json.loads(written.headers["X-ClickHouse-Summary"])["written_rows"] == "2"
        assert clickhouse.request("SELECT sum(n), count() FROM tidemark.posted").data == b"3\t2\n"


def test_a_broken_insert_writes_nothing(clickhouse: ClickHouseProcess) -> None:
    clickhouse.request("CREATE OR REPLACE TABLE tidemark.whole (n Int64) ENGINE = MergeTree ORDER BY n")
    rows = b"".join(b"%d\n" % number for number in range(100_000)) + b"not a number\n"
    answer = clickhouse.request(rows, params={"query": "INSERT INTO tidemark.whole FORMAT CSV"})
    assert answer.status == 400
    assert clickhouse.request("SELECT count() FROM tidemark.whole").data == b"0\n"


COMPRESSIONS = {
    "gzip": (gzip.compress, gzip.decompress),
    "deflate": (zlib.compress, zlib.decompress),
    "lz4": (lz4.frame.compress, lz4.frame.decompress),
    "zstd": (zstd.compress, zstd.decompress),
}


@pytest.mark.parametrize("encoding", COMPRESSIONS)
def test_compression(clickhouse: ClickHouseProcess, encoding: str) -> None:
    pack, unpack = COMPRESSIONS[encoding]
    statement = b"SELECT number FROM numbers(100000)"
    expected = b"".join(b"%d\n" % number for number in range(100_000))
    answer = clickhouse.request(
        pack(statement[:10]) + pack(statement[10:]),
        headers={"Content-Encoding": encoding, "Accept-Encoding": f"br, {encoding}"},
        decode_content=False,
    )
    assert answer.headers["Content-Encoding"] == encoding
    assert len(answer.data) < len(expected)
    assert unpack(answer.data) == expected


def test_a_damaged_or_unknown_encoding_is_refused(clickhouse: ClickHouseProcess) -> None:
    damaged = clickhouse.request(b"not gzip", headers={"Content-Encoding": "gzip"})
    cut = clickhouse.request(gzip.compress(b"SELECT 1" * 100)[:-12], headers={"Content-Encoding": "gzip"})
    unknown = clickhouse.request(b"SELECT 1", headers={"Content-Encoding": "snappy"})
    assert [damaged.status, cut.status, unknown.status] == [400, 400, 415]


def test_credentials_in_each_place(clickhouse: ClickHouseProcess) -> None:
    section, url = clickhouse.section, clickhouse.section.url + "/?query=SELECT+1"
    secret = section.password.get_secret_value()
    by_headers = HTTP.request("GET", url, headers={"X-ClickHouse-User": section.user, "X-ClickHouse-Key": secret})
    by_url = HTTP.request("GET", f"{url}&user={section.user}&password={secret}")
    assert (by_headers.data, by_url.data) == (b"1\n", b"1\n")


def test_wrong_credentials(clickhouse: ClickHouseProcess) -> None:
    url = clickhouse.section.url + "/?query=SELECT+1"
    basic = "Basic " + base64.b64encode(b"tidemark:wrong").decode()
    wrong = [
        HTTP.request("GET", url),
        HTTP.request("GET", url, headers={"Authorization": basic}),
        HTTP.request("GET", url, headers={"Authorization": "Basic !!!"}),
        HTTP.request("GET", url, headers={"Authorization": "Bearer x"}),
        HTTP.request("GET", url, headers={"X-ClickHouse-User": "default"}),
        HTTP.request("GET", f"{url}&user=tidemark"),
        HTTP.request("GET", f"{url}&user=analyst&password=", headers={"Authorization": basic}),
        HTTP.request("GET", f"{url}&user=d%C3%A9f&password=%C3%A9"),
    ]
    assert {answer.headers[CODE] for answer in wrong} == {"516"}
    assert [answer.status for answer in wrong] == [401, *[403] * 7]
    assert "WWW-Authenticate" in wrong[0].headers


def test_a_get_request_changes_nothing(clickhouse: ClickHouseProcess) -> None:
    answer = clickhouse.request(method="GET", params={"query": "CREATE DATABASE by_get"})
    assert answer.headers[CODE] == "164"
    assert clickhouse.request("EXISTS DATABASE by_get").data == b"0\n"


def test_sessions(clickhouse: ClickHouseProcess) -> None:
    mine = {"session_id": "http-1", "session_timeout": 60}
    clickhouse.request("CREATE TEMPORARY TABLE t AS SELECT 1 AS a", params=mine)
    assert clickhouse.request("SELECT a FROM t", params={**mine, "session_check": 1}).data == b"1\n"
    assert clickhouse.request("SELECT a FROM t").headers[CODE] == "60"
    unknown = clickhouse.request("SELECT 1", params={"session_id": "nope", "session_check": 1})
    assert (unknown.status, unknown.headers[CODE]) == (404, "372")
    for timeout in ("-1", "x", "3601"):
        refused = clickhouse.request("SELECT 1", params={"session_id": "http-2", "session_timeout": timeout})
        assert refused.headers[CODE] == "374"
    clickhouse.request("SELECT 1", params={**mine, "close_session": 1})
    assert clickhouse.request("SELECT a FROM t", params=mine).headers[CODE] == "60"


def test_a_database_in_the_url_lasts_for_one_request(clickhouse: ClickHouseProcess) -> None:
    mine = {"session_id": "http-db"}
    asked = "SELECT currentDatabase()"
    clickhouse.request("USE private", params=mine)
    assert clickhouse.request(asked, params={**mine, "database": "system"}).data == b"system\n"
    assert clickhouse.request(asked, params=mine).data == b"private\n"
    assert clickhouse.request(asked).data == b"tidemark\n"
    assert clickhouse.request(asked, params={"database": "nope"}).headers[CODE] == "81"


def test_waiting_for_the_end_turns_a_late_error_into_a_status(clickhouse: ClickHouseProcess) -> None:
    statement = "SELECT throwIf(number = 900000) FROM numbers(1000000)"
    late = clickhouse.request(statement)
    waited = clickhouse.request(statement, params={"wait_end_of_query": 1})
    assert (late.status, waited.status) == (200, 500)
    assert b"__exception__" in late.data
    assert late.headers["X-ClickHouse-Exception-Tag"].encode() in late.data
    assert waited.headers[CODE] == "395"


def test_a_large_answer_is_not_built_in_memory(clickhouse: ClickHouseProcess) -> None:
    server = psutil.Process(clickhouse.process.pid)
    before, peak, size = server.memory_info().rss, 0, 0
    statement = "SELECT number, toString(number) FROM numbers(20000000) FORMAT TSV"
    answer = clickhouse.request(statement, preload_content=False)
    for part in answer.stream(4 * 1024**2):
        size += len(part)
        peak = max(peak, server.memory_info().rss)
    assert size > 300 * 1024**2
    assert peak - before < 200 * 1024**2


def test_hanging_up_ends_a_streamed_query(clickhouse: ClickHouseProcess) -> None:
    running = "SELECT count() FROM system.processes WHERE query LIKE '%AS hung_up%' AND query NOT LIKE '%processes%'"
    answer = clickhouse.request("SELECT number AS hung_up FROM system.numbers", preload_content=False)
    assert answer.read(10)
    assert clickhouse.request(running).data == b"1\n"
    answer.close()
    deadline = CLOCK.monotonic() + 120
    while clickhouse.request(running).data != b"0\n":
        assert CLOCK.monotonic() < deadline
        CLOCK.sleep(0.1)


def test_what_is_not_served_says_so(clickhouse: ClickHouseProcess) -> None:
    for params in ({"compress": 1}, {"decompress": 1}, {"role": "x"}, {"query_id": "a\nb"}, {"default_format": "a b"}):
        assert clickhouse.request("SELECT 1", params=params).status in (400, 403, 501)
    assert clickhouse.request(b"").headers[CODE] == "62"
    assert HTTP.request("PUT", clickhouse.section.url + "/").status == 405
    assert HTTP.request("GET", clickhouse.section.url + "/nope").status == 404


def test_the_log_holds_no_statement_and_no_secret(clickhouse: ClickHouseProcess) -> None:
    statement = "SELECT * FROM deltaLake('http://127.0.0.1:1/b/t', 'key-id', 'tell-nobody')"
    failed = clickhouse.request(statement, params={"param_x": "tell-nobody"})
    log = clickhouse.log.read_text()
    assert failed.headers[CODE]
    assert b"tell-nobody" not in failed.data
    assert "tell-nobody" not in log
    assert "deltaLake" not in log
    assert clickhouse.section.password.get_secret_value() not in log
