"""Where a statement ends and its rows begin."""

import pytest
from hypothesis import given, strategies as st

from lakehouse.local.clickhouse.lexer import (
    inserts_from_input,
    mentions,
    output_format,
    selects,
    split_insert,
    tokens,
    without_format,
)


@pytest.mark.parametrize(
    ("sql", "target", "settings", "name", "rows"),
    [
        (b"INSERT INTO t FORMAT Native\n\x00\xff", b"INSERT INTO t ", b"", "Native", b"\x00\xff"),
        (b"INSERT INTO t FORMAT CSV\r\n1", b"INSERT INTO t ", b"", "CSV", b"1"),
        (b"INSERT INTO t FORMAT CSV  ;\n1", b"INSERT INTO t ", b"", "CSV", b"1"),
        (b"INSERT INTO t FORMAT CSV 1", b"INSERT INTO t ", b"", "CSV", b"1"),
        (b"INSERT INTO t FORMAT CSV\n\n1", b"INSERT INTO t ", b"", "CSV", b"\n1"),
        (b"insert into t (a, `b)`) values (1)", b"insert into t (a, `b)`) ", b"", "Values", b" (1)"),
        (b"INSERT INTO format FORMAT CSV\n1", b"INSERT INTO format ", b"", "CSV", b"1"),
        (b'INSERT INTO db."values" VALUES 1', b'INSERT INTO db."values" ', b"", "Values", b" 1"),
        (b"INSERT INTO t (format, values) FORMAT TSV\n1", b"INSERT INTO t (format, values) ", b"", "TSV", b"1"),
        (b"INSERT INTO t SETTINGS a = 'FORMAT x' FORMAT TSV\n1", b"INSERT INTO t ", b"SETTINGS a = 'FORMAT x' ", "TSV",
         b"1"),
        (b"-- FORMAT A\nINSERT /* VALUES */ INTO t FORMAT B\nc", b"-- FORMAT A\nINSERT /* VALUES */ INTO t ", b"", "B",
         b"c"),
        (b"INSERT INTO FUNCTION file('a FORMAT b') FORMAT C\nd", b"INSERT INTO FUNCTION file('a FORMAT b') ", b"", "C",
         b"d"),
    ],
)  # fmt: skip
def test_rows_are_cut_off(sql: bytes, target: bytes, settings: bytes, name: str, rows: bytes) -> None:
    found = split_insert(sql)
    assert found is not None
    assert (found.target, found.settings, found.format, bytes(found.data)) == (target, settings, name, rows)


@pytest.mark.parametrize(
    "sql",
    [
        b"SELECT 1 FORMAT CSV",
        b"INSERT INTO t SELECT * FROM s FORMAT CSV",
        b"INSERT INTO t WITH x AS (SELECT 1) SELECT * FROM x",
        b"INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        b"INSERT INTO t",
        b"INSERT INTO t FORMAT",
        b"",
        b"CREATE TABLE t (insert Int32) FORMAT CSV",
    ],
)
def test_other_statements_stay_whole(sql: bytes) -> None:
    assert split_insert(sql) is None


@given(st.binary(max_size=200))
def test_rows_are_never_read(rows: bytes) -> None:
    found = split_insert(b"INSERT INTO t FORMAT Native\n" + rows)
    assert found is not None
    assert bytes(found.data) == rows


@given(st.binary(max_size=300))
def test_any_bytes_are_read_to_their_end(sql: bytes) -> None:
    ends = [token.end for token in tokens(sql)]
    assert ends == sorted(ends)
    output_format(sql)
    without_format(sql)


@pytest.mark.parametrize(
    ("sql", "expected", "rest"),
    [
        (b"SELECT 1 FORMAT JSON", "JSON", b"SELECT 1 "),
        (b"SELECT 1 format CSV ;", "CSV", b"SELECT 1 "),
        (b"SELECT 1 FORMAT CSV SETTINGS a = 1", "CSV", b"SELECT 1 "),
        (b"SELECT 'FORMAT x' -- FORMAT y", None, b"SELECT 'FORMAT x' -- FORMAT y"),
        (b"SELECT format('{}', 1)", None, b"SELECT format('{}', 1)"),
        (b"SELECT * FROM (SELECT 1) FORMAT Pretty", "Pretty", b"SELECT * FROM (SELECT 1) "),
        (b"SELECT $$ FORMAT x $$;", None, b"SELECT $$ FORMAT x $$"),
        (b"SELECT $tag$ ' $$ $tag$ FORMAT TSV", "TSV", b"SELECT $tag$ ' $$ $tag$ "),
        (b"SELECT 'it''s \\' FORMAT x' FORMAT TSV", "TSV", b"SELECT 'it''s \\' FORMAT x' "),
    ],
)
def test_output_format(sql: bytes, expected: str | None, rest: bytes) -> None:
    assert output_format(sql) == expected
    assert without_format(sql) == rest


def test_words_side_by_side() -> None:
    assert mentions(b"SELECT 1 INTO /* x */ OUTFILE 'x'", b"INTO", b"OUTFILE")
    assert not mentions(b"SELECT 'INTO OUTFILE', `into` outfile", b"INTO", b"OUTFILE")


def test_rows_through_input_are_seen() -> None:
    assert inserts_from_input(b"INSERT INTO t SELECT a FROM input ('a Int32') FORMAT CSV\n1")
    assert not inserts_from_input(b"INSERT INTO t SELECT input FROM s")
    assert not inserts_from_input(b"SELECT * FROM input('a Int32')")


def test_what_a_select_looks_like() -> None:
    assert selects(b" /* x */ ((select 1))")
    assert selects(b"WITH 1 AS x SELECT x")
    assert not selects(b"SHOW TABLES")
    assert not selects(b"")
