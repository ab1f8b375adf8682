"""Files are read in batches with true line numbers, and a line that is no row keeps its text."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.contracts.reasons import Reason
from streaming.feed.files import FileError, RawBatch, open_file


def read(path: Path) -> list[RawBatch]:
    return list(open_file(path).batches())


def test_rows_keep_their_line_numbers_over_blank_and_broken_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbfdate,symbol\n1,A\n\n2\n3,"B,x"\n4,C,9\n5,\xff\n6,D\n\n\n')

    batches = read(path)

    (batch,) = batches
    assert batch.cells.to_pydict() == {"date": ["1", "3", "6"], "symbol": ["A", "B,x", "D"]}
    assert batch.row_numbers.tolist() == [2, 5, 8]
    assert [(bad.source, bad.reason, bad.detail, bad.raw) for bad in batch.malformed] == [
        ("a.csv:4", Reason.UNPARSABLE, "1 columns where the header has 2", "2"),
        ("a.csv:6", Reason.UNPARSABLE, "3 columns where the header has 2", "4,C,9"),
        ("a.csv:7", Reason.UNPARSABLE, "not UTF-8 text", "5,�"),
    ]


def test_numbers_hold_over_many_blocks(tmp_path: Path) -> None:
    path = tmp_path / "big.csv.gz"
    lines = ["n,text"]
    lines += [
        "" if line % 1000 == 7 else "x" if line % 997 == 3 else f"{line},{'y' * 40}" for line in range(2, 250_000)
    ]
    path.write_bytes(gzip.compress("\n".join(lines).encode(), 1))

    batches = read(path)

    assert len(batches) > 1
    for batch in batches:
        assert batch.cells["n"].to_pylist() == [str(number) for number in batch.row_numbers]
    rows = sum(batch.cells.num_rows + len(batch.malformed) for batch in batches)
    assert rows == sum(1 for line in lines[1:] if line)


def test_a_batch_gives_the_text_of_its_rows_back(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('date\tsymbol\n1\t"a\tb"\n')
    source = open_file(path)

    (batch,) = source.batches()

    assert source.raw(batch.cells) == ['1\t"a\tb"']


def test_parquet_rows_count_from_one_and_show_as_json(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"symbol": ["A", None], "price": [1.5, float("nan")]}), path)
    source = open_file(path)

    (batch,) = source.batches()

    assert batch.row_numbers.tolist() == [1, 2]
    assert source.raw(batch.cells) == ['{"symbol": "A", "price": 1.5}', '{"symbol": null, "price": NaN}']


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "no header line"),
        ("a.csv", b"date,date\n1,2\n", "column date appears twice"),
        ("a.xlsx", b"x", "neither CSV"),
        ("a.parquet", b"PAR1 it is not", "cannot be read as Parquet"),
        ("a.csv.gz", b"not gzip", "cannot be read"),
    ],
)
def test_what_is_no_table_is_refused_by_name(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(FileError, match=message) as caught:
        read(path)
    assert name in str(caught.value)


def test_a_file_cut_in_the_middle_says_where(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    whole = gzip.compress(b"date,symbol\n" + b"".join(b"%d,A\n" % n for n in range(50_000)))
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(FileError, match=r"a\.csv\.gz: cannot be read"):
        read(path)


def test_a_header_alone_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("date,symbol\n")

    assert sum(batch.cells.num_rows for batch in read(path)) == 0


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"nowhere\.csv: there is no such file"):
        open_file(tmp_path / "nowhere.csv")
