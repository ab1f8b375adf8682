"""Rows as bytes of a format, piece by piece. Pure."""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from typing_extensions import Buffer

from serving.exports.schemas import Format

Cells = Sequence[str | None]
MEDIA_TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.NDJSON: "application/x-ndjson",
    Format.PARQUET: "application/vnd.apache.parquet",
}
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_FORMULA = ("=", "+", "-", "@", "'", "\t", "\r")


class Writer(Protocol):
    """Writes a file in pieces: the pieces, in order, are the file."""

    def rows(self, rows: Sequence[Cells]) -> bytes:
        """The bytes that these rows add."""
        ...

    def end(self) -> bytes:
        """The bytes that close the file."""
        ...


def writer_of(kind: Format, columns: Sequence[str]) -> Writer:
    """The writer of a format."""
    writers: dict[Format, Callable[[Sequence[str]], Writer]] = {
        Format.CSV: CsvWriter,
        Format.NDJSON: NdjsonWriter,
        Format.PARQUET: ParquetWriter,
    }
    return writers[kind](columns)


def safe(cell: str | None) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before it, unless it is a number."""
    if not cell:
        return ""
    return f"'{cell}" if cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell) else cell


class CsvWriter:
    """RFC 4180 with a header line."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._waiting = _csv([columns])

    def rows(self, rows: Sequence[Cells]) -> bytes:
        piece = self._waiting + _csv([[safe(cell) for cell in row] for row in rows])
        self._waiting = b""
        return piece

    def end(self) -> bytes:
        return self._waiting


class NdjsonWriter:
    """A JSON object a line; what has no value is null, numbers are text as everywhere in the API."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = tuple(columns)

    def rows(self, rows: Sequence[Cells]) -> bytes:
        lines = (json.dumps(dict(zip(self._columns, row, strict=True)), ensure_ascii=False) for row in rows)
        return "".join(f"{line}\n" for line in lines).encode()

    def end(self) -> bytes:
        return b""


class ParquetWriter:
    """A row group a piece; every column is text, so that no digit is lost."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._schema = pa.schema([(name, pa.string()) for name in columns])
        self._sink = _Drain()
        self._writer = pq.ParquetWriter(self._sink, self._schema, compression="zstd")

    def rows(self, rows: Sequence[Cells]) -> bytes:
        columns = [list(column) for column in zip(*rows, strict=True)]
        self._writer.write_table(pa.table([pa.array(each, pa.string()) for each in columns], schema=self._schema))
        return self._sink.drain()

    def end(self) -> bytes:
        self._writer.close()
        return self._sink.drain()


class _Drain(io.RawIOBase):
    """A file that hands out what was written to it, and keeps only its length."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Buffer, /) -> int:
        data = bytes(memoryview(piece))
        self._pieces.append(data)
        self._length += len(data)
        return len(data)

    def tell(self) -> int:
        return self._length

    def drain(self) -> bytes:
        """What was written since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
