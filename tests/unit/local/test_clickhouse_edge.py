"""Credentials, errors, encodings, sessions and migrations without an engine."""

import base64
import gzip
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from pydantic import SecretStr

from lakehouse.local.clickhouse.compression import ENCODINGS, choose, compress, decompress
from lakehouse.local.clickhouse.errors import ClickHouseError, from_engine
from lakehouse.local.clickhouse.native import empty_block, varint
from lakehouse.local.clickhouse.request import Exchange, build
from lakehouse.local.clickhouse.users import CredentialError, Role, Users
from lakehouse.migrations.clickhouse.runner import Migration, MigrationError, load, pending
from lakehouse.settings import ClickHouseSettings

USERS = Users(ClickHouseSettings(password=SecretStr("own"), analyst_password=SecretStr("read")))


def basic(name: str, password: str) -> dict[str, str]:
    """An Authorization header."""
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_users() -> None:
    assert USERS.authenticate(basic("tidemark", "own"), {}).role is Role.OWNER
    assert USERS.authenticate({}, {"user": "analyst", "password": "read"}).role is Role.ANALYST
    for name, password in (("tidemark", "read"), ("analyst", "own"), ("analyst", ""), ("default", ""), ("", "")):
        with pytest.raises(ClickHouseError) as refused:
            USERS.authenticate(basic(name, password), {})
        assert (refused.value.code, refused.value.http_status) == (516, 403)


def test_an_analyst_without_password_does_not_exist() -> None:
    users = Users(ClickHouseSettings(password=SecretStr("own")))
    with pytest.raises(ClickHouseError):
        users.authenticate(basic("analyst", ""), {})


def test_an_owner_without_password_is_no_owner() -> None:
    with pytest.raises(CredentialError, match="no default credentials"):
        Users(ClickHouseSettings())


@pytest.mark.parametrize(
    ("text", "code", "name", "message"),
    [
        ("Code: 60. DB::Exception: No table a. (UNKNOWN_TABLE)", 60, "UNKNOWN_TABLE", "No table a"),
        ("Code: 164. DB::Exception: Code: 164. DB::Exception: No (way). (READONLY) (version 26.9.2.1). (READONLY)", 164,
         "READONLY", "No (way)"),
        ("Code: 198. DB::NetException: Not found (host: x). (DNS_ERROR) (version 26.9.2.1 (official build))", 198,
         "DNS_ERROR", "Not found (host: x)"),
        ("Code: 62. DB::Exception: cut sho", 62, "UNKNOWN_EXCEPTION", "cut sho"),
        ("the moon", 1002, "UNKNOWN_EXCEPTION", "the moon"),
        ("", 1002, "UNKNOWN_EXCEPTION", "the engine gave no reason"),
    ],
)  # fmt: skip
def test_engine_errors_are_read(text: str, code: int, name: str, message: str) -> None:
    error = from_engine(text)
    assert (error.code, error.name, error.message) == (code, name, message)
    assert error.render("1.2") == f"Code: {code}. DB::Exception: {message} ({name}) (version 1.2)\n"


@given(st.lists(st.binary(max_size=2000), max_size=5), st.sampled_from(ENCODINGS))
def test_encodings_undo_themselves(chunks: list[bytes], encoding: str) -> None:
    packed = b"".join(compress(iter(chunks), encoding))
    assert decompress(packed, encoding, 10_000) == b"".join(chunks)


def test_an_unpacked_body_has_a_limit() -> None:
    with pytest.raises(ClickHouseError) as refused:
        decompress(gzip.compress(b"\0" * 100_000), "gzip", 1000)
    assert refused.value.http_status == 413


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("", None),
        ("gzip", "gzip"),
        ("br", None),
        ("deflate, GZIP;q=0.5", "gzip"),
        ("lz4;q=0, zstd", "zstd"),
        ("*", None),
    ],
)
def test_the_answers_encoding(accepted: str, chosen: str | None) -> None:
    assert choose(accepted) == chosen


def test_a_request_is_taken_apart() -> None:
    params = {
        "query": "SELECT 1", "param_a": "1", "max_threads": "2", "date_time_output_format": "iso", "user": "x",
        "session_id": "s", "ext_structure": "a Int32", "ext_format": "CSV",
    }  # fmt: skip
    query = build(Exchange("POST", {}, params, b"", {"ext": b"1"}), "fresh")
    assert query.settings == {"max_threads": "2", "date_time_output_format": "iso"}
    assert query.parameters == {"a": "1"}
    assert [(upload.name, upload.structure, upload.format) for upload in query.uploads] == [("ext", "a Int32", "CSV")]
    assert (query.text, query.query_id, query.may_write) == (b"SELECT 1", "fresh", True)


def test_an_empty_block_names_its_columns() -> None:
    assert empty_block([("a", "Int8"), ("é", "String")]) == b"\x02\x00\x01a\x04Int8\x02\xc3\xa9\x06String"
    assert varint(300) == b"\xac\x02"


def test_migrations_are_checked_before_they_run() -> None:
    one, two = Migration(1, "0001_a", "SELECT 1;\nSELECT ';'\n;\n"), Migration(2, "0002_b", "SELECT 2;")
    assert one.statements == ("SELECT 1", "SELECT ';'")
    assert pending([one, two], {1: ("0001_a", one.checksum)}) == (two,)
    with pytest.raises(MigrationError, match="was changed"):
        pending([one, two], {1: ("0001_a", "other")})
    with pytest.raises(MigrationError, match="run a newer Tidemark"):
        pending([one], {1: ("0001_a", one.checksum), 2: ("0002_b", two.checksum)})


def test_migration_files_are_numbered_without_gaps(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("SELECT 1;")
    (tmp_path / "0003_c.sql").write_text("SELECT 1;")
    with pytest.raises(MigrationError, match="without gap"):
        load(tmp_path)
    (tmp_path / "0003_c.sql").rename(tmp_path / "two.sql")
    with pytest.raises(MigrationError, match="NNNN"):
        load(tmp_path)
