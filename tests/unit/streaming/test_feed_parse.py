"""Cells become typed values, and what cannot be read is marked and never raised."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from lakehouse.clock import epoch_us
from streaming.feed import parse

BAD = object()
Reader = Callable[[pa.Array], parse.Parsed]


def new_york(cells: pa.Array) -> parse.Parsed:
    return parse.times(cells, zone="America/New_York")


def us(text: str) -> int:
    return epoch_us(datetime.fromisoformat(text))


CASES: list[tuple[Reader, str, object]] = [
    (parse.prices, "67.7142", Decimal("67.7142")),
    (parse.prices, " 45.07 ", Decimal("45.07")),
    (parse.prices, "1e3", Decimal(1000)),
    (parse.prices, "1.234567890123456", Decimal("1.23456789")),
    (parse.prices, "0.123456785", Decimal("0.12345678")),
    (parse.prices, "0.00000000000000000000000004", Decimal(0)),
    (parse.prices, "", None),
    (parse.prices, "NaN", None),
    (parse.prices, "abc", BAD),
    (parse.prices, "1,000", BAD),
    (parse.prices, "1_000", BAD),
    (parse.prices, "inf", BAD),
    (parse.prices, "1e30", BAD),
    (parse.prices, "123456789012345678901", BAD),
    (parse.numbers, "100", 100.0),
    (parse.numbers, "1e400", BAD),
    (parse.numbers, "infinity", BAD),
    (parse.numbers, "x", BAD),
    (parse.integers, "100", 100),
    (parse.integers, "100.0", 100),
    (parse.integers, "12.5", BAD),
    (parse.integers, "0x10", BAD),
    (parse.integers, "99999999999999999999", BAD),
    (parse.dates, "2013-02-08", date(2013, 2, 8)),
    (parse.dates, "20130208", date(2013, 2, 8)),
    (parse.dates, "2013-02-08 16:00:00", date(2013, 2, 8)),
    (parse.dates, "2013-02-31", BAD),
    (parse.dates, "yesterday", BAD),
    (new_york, "2013-10-07T12:00:00Z", us("2013-10-07T12:00:00+00:00")),
    (new_york, "2013-10-07T12:00:00.000000999+02:00", us("2013-10-07T10:00:00+00:00")),
    (new_york, "2013-10-07 12:00:00", us("2013-10-07T16:00:00+00:00")),
    (new_york, "1381147200", us("2013-10-07T12:00:00+00:00")),
    (new_york, "1381147200000", us("2013-10-07T12:00:00+00:00")),
    (new_york, "1381147200000000", us("2013-10-07T12:00:00+00:00")),
    (new_york, "1381147200000000000", us("2013-10-07T12:00:00+00:00")),
    (new_york, "1381147200.5", us("2013-10-07T12:00:00+00:00") + 500_000),
    (new_york, "2013-11-03 01:30:00", us("2013-11-03T05:30:00+00:00")),
    (new_york, "2013-03-10 02:30:00", BAD),
    (new_york, "2013-13-01 00:00:00", BAD),
    (new_york, "noon", BAD),
]


@pytest.mark.parametrize(("reader", "cell", "expected"), CASES)
def test_a_cell_reads_the_same_alone_and_beside_an_unreadable_one(reader: Reader, cell: str, expected: object) -> None:
    alone, beside = reader(pa.array([cell])), reader(pa.array([cell, "?"]))

    for parsed in (alone, beside):
        assert parsed.bad[0].as_py() is (expected is BAD)
        assert parsed.values[0].as_py() == (None if expected is BAD else expected)
    assert beside.bad[1].as_py() is True


def test_a_binary_float_is_read_as_the_decimal_that_names_it() -> None:
    parsed = parse.prices(pa.array([67.7142, float("nan"), float("inf"), 1e-7]))

    assert parsed.values.to_pylist() == [Decimal("67.7142"), None, None, Decimal("0.0000001")]
    assert parsed.bad.to_pylist() == [False, False, True, False]
    assert parse.prices(pa.array([67.71], pa.float32())).values.to_pylist() == [Decimal("67.71")]


def test_typed_columns_need_no_text() -> None:
    moment = datetime(2013, 2, 9, 1, tzinfo=UTC)
    stamps = pa.array([moment], pa.timestamp("ns", "America/New_York"))

    assert parse.dates(stamps).values.to_pylist() == [date(2013, 2, 8)]
    assert parse.times(stamps, zone="UTC").values.to_pylist() == [us("2013-02-09T01:00:00+00:00")]
    naive = pa.array([datetime(2013, 3, 10, 2, 30), datetime(2013, 3, 10, 4)], pa.timestamp("ms"))  # noqa: DTZ001 - a file's own local times
    assert new_york(naive).bad.to_pylist() == [True, False]
    assert parse.integers(pa.array([1, None])).values.to_pylist() == [1, None]
    assert parse.integers(pa.array([1.0, 2.5])).bad.to_pylist() == [False, True]
    assert parse.numbers(pa.array([1.5, float("inf"), float("nan")])).bad.to_pylist() == [False, True, False]


def test_a_pattern_reads_days_that_are_not_iso() -> None:
    parsed = parse.dates(pa.array(["08/02/2013", "31/02/2013", None]), pattern="%d/%m/%Y")

    assert parsed.values.to_pylist() == [date(2013, 2, 8), None, None]
    assert parsed.bad.to_pylist() == [False, True, False]


def test_an_empty_or_an_absent_column_reads_as_nothing() -> None:
    for reader in (parse.prices, parse.numbers, parse.integers, parse.dates, new_york):
        assert len(reader(pa.array([], pa.string())).values) == 0
        assert reader(pa.nulls(2)).bad.to_pylist() == [False, False]


def test_na_is_a_symbol() -> None:
    assert parse.words(pa.array(["NA", " ", "A "]), missing_words=False).values.to_pylist() == ["NA", None, "A"]
