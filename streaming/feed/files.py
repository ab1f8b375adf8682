"""A user's CSV or Parquet file in batches of columns, each row with its number and, where it is bad, its own text."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from lakehouse.contracts.reasons import Reason
from lakehouse.errors import TidemarkError
from streaming.feed.encode import Reject

BATCH_ROWS = 65_536
_BLOCK_BYTES = 4 * 1024 * 1024
_CSV_ENDINGS = (".csv", ".csv.gz", ".csv.zst", ".csv.bz2", ".tsv", ".tsv.gz")
_PARQUET_ENDINGS = (".parquet", ".pq")


class FileError(TidemarkError):
    """A file that cannot be read, or is no table."""


@dataclass(frozen=True, slots=True)
class RawBatch:
    """Rows as the file has them. `malformed` are rows that are no row at all, found up to here."""

    cells: pa.Table
    row_numbers: npt.NDArray[np.int64]
    malformed: tuple[Reject, ...] = ()


class Source(Protocol):
    """A file that can be read once, from front to back."""

    @property
    def name(self) -> str:
        """The file's name, for FILE:ROW."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The column names that it has."""
        ...

    def batches(self) -> Iterator[RawBatch]:
        """Every row, in order. Raises FileError where the file ends in the middle or cannot be decoded."""
        ...

    def raw(self, cells: pa.Table) -> list[str]:
        """The text of rows, for a report or an envelope."""
        ...


def open_file(path: Path, *, delimiter: str | None = None) -> Source:
    """The file by its ending; `delimiter` is a CSV's (default: a comma, a tab for .tsv). Raises FileError."""
    name = path.name.lower()
    if not path.is_file():
        raise FileError(f"{path}: there is no such file")
    if name.endswith(_PARQUET_ENDINGS):
        return _ParquetFile(path)
    if name.endswith(_CSV_ENDINGS):
        return _CsvFile(path, delimiter or ("\t" if ".tsv" in name else ","))
    raise FileError(f"{path}: neither CSV ({', '.join(_CSV_ENDINGS)}) nor Parquet ({', '.join(_PARQUET_ENDINGS)})")


class _CsvFile:
    """Every cell is read as bytes and parsed later, so that a bad cell keeps its text. The header is line 1."""

    def __init__(self, path: Path, delimiter: str) -> None:
        self.name = path.name
        self._path = path
        self._delimiter = delimiter
        self._bad_lines: list[Reject] = []
        self._bad_numbers: list[int] = []
        self._next_line = 2
        self.columns = self._header()

    def batches(self) -> Iterator[RawBatch]:
        try:
            with pa.input_stream(str(self._path), compression="detect") as stream:
                for batch in self._reader(stream):
                    yield self._take(pa.Table.from_batches([batch]))
        except (pa.ArrowInvalid, OSError) as error:
            raise FileError(f"{self.name}: cannot be read beyond line {self._next_line - 1}: {error}") from error
        if self._bad_lines:
            yield self._take(pa.table({name: pa.array([], pa.binary()) for name in self.columns}))

    def raw(self, cells: pa.Table) -> list[str]:
        return [self._line([row[name] or "" for name in self.columns]) for row in cells.to_pylist()]

    def _header(self) -> tuple[str, ...]:
        try:
            with pa.input_stream(str(self._path), compression="detect") as stream:
                first = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="").readline()
        except (pa.ArrowInvalid, OSError) as error:
            raise FileError(f"{self.name}: the first line cannot be read: {error}") from error
        names = next(csv.reader([first.rstrip("\r\n")], delimiter=self._delimiter), [])
        _check_names(self.name, names)
        return tuple(names)

    def _reader(self, stream: pa.NativeFile) -> pa_csv.CSVStreamingReader:
        return pa_csv.open_csv(
            stream,
            # Only one thread tells the numbers of the lines that it refuses.
            read_options=pa_csv.ReadOptions(
                use_threads=False, block_size=_BLOCK_BYTES, column_names=list(self.columns), skip_rows=1
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=self._delimiter, ignore_empty_lines=False, invalid_row_handler=self._refuse
            ),
            convert_options=pa_csv.ConvertOptions(column_types={name: pa.binary() for name in self.columns}),
        )

    def _refuse(self, row: pa_csv.InvalidRow) -> str:
        self._bad_numbers.append(row.number)
        if row.text.strip():
            detail = f"{row.actual_columns} columns where the header has {row.expected_columns}"
            self._bad_lines.append(Reject(Reason.UNPARSABLE, detail, f"{self.name}:{row.number}", row.text))
        return "skip"

    def _take(self, cells: pa.Table) -> RawBatch:
        numbers = self._number(cells.num_rows)
        filled = _not_blank(cells)
        if not filled.all():
            cells, numbers = cells.filter(pa.array(filled)), numbers[filled]
        cells, numbers = self._decode(cells, numbers)
        malformed, self._bad_lines = tuple(self._bad_lines), []
        return RawBatch(cells, numbers, malformed)

    def _number(self, count: int) -> npt.NDArray[np.int64]:
        lines = np.arange(self._next_line, self._next_line + count + len(self._bad_numbers), dtype=np.int64)
        numbers = lines[~np.isin(lines, self._bad_numbers)][:count]
        if count:
            self._next_line = int(numbers[-1]) + 1
            self._bad_numbers = [number for number in self._bad_numbers if number >= self._next_line]
        return numbers

    def _decode(self, cells: pa.Table, numbers: npt.NDArray[np.int64]) -> tuple[pa.Table, npt.NDArray[np.int64]]:
        schema = pa.schema([(name, pa.string()) for name in cells.column_names])
        try:
            return cells.cast(schema), numbers
        except pa.ArrowInvalid:
            good = np.array([_is_text(row.values()) for row in cells.to_pylist()])
        for number, row in zip(numbers[~good], cells.filter(pa.array(~good)).to_pylist(), strict=True):
            line = self._line([value.decode(errors="replace") for value in row.values()])
            self._bad_lines.append(Reject(Reason.UNPARSABLE, "not UTF-8 text", f"{self.name}:{number}", line))
        return cells.filter(pa.array(good)).cast(schema), numbers[good]

    def _line(self, values: Sequence[str]) -> str:
        out = io.StringIO()
        csv.writer(out, delimiter=self._delimiter, lineterminator="").writerow(values)
        return out.getvalue()


class _ParquetFile:
    """Rows are counted from 1; the text of a row is its JSON."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise FileError(f"{path}: cannot be read as Parquet: {error}") from error
        names = self._file.schema_arrow.names
        _check_names(self.name, names)
        self.columns = tuple(names)

    def batches(self) -> Iterator[RawBatch]:
        done = 0
        try:
            for batch in self._file.iter_batches(batch_size=BATCH_ROWS):
                cells = pa.Table.from_batches([batch])
                yield RawBatch(cells, np.arange(done + 1, done + cells.num_rows + 1, dtype=np.int64))
                done += cells.num_rows
        except (pa.ArrowInvalid, OSError) as error:
            raise FileError(f"{self.name}: cannot be read beyond row {done}: {error}") from error

    def raw(self, cells: pa.Table) -> list[str]:
        return [json.dumps(row, default=str) for row in cells.to_pylist()]


def _check_names(file: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if not names or twice:
        what = f"column {', '.join(twice)} appears twice" if twice else "there is no header line"
        raise FileError(f"{file}: {what}; every column needs a name of its own")


def _not_blank(cells: pa.Table) -> npt.NDArray[np.bool_]:
    """A line without any cell is no row: editors leave one at the end."""
    filled = np.zeros(cells.num_rows, dtype=np.bool_)
    for column in cells.columns:
        filled |= pc.greater(pc.binary_length(column), 0).to_numpy()
        if filled.all():
            break
    return filled


def _is_text(values: Sequence[bytes]) -> bool:
    try:
        b"".join(values).decode()
    except UnicodeDecodeError:
        return False
    return True
