"""From the bytes of a file to rows of text under known columns. Pure; nothing that a file holds makes it fail oddly."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from serving.imports.layout import Columns, Layout

MAX_ROWS: Final = 100_000
MAX_CELL: Final = 100_000
HEADER_LINES: Final = 40  # statements open with the account and the period
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")
_DELIMITERS = {"tab": "\t"}


class UnreadableFile(Exception):
    """A file in which no transactions can be found; `code` names why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the file: its line (the header has one too), its text, and its cells by field."""

    number: int
    source: str
    cells: dict[str, str]


def decode(content: bytes) -> str:
    """The text of a file: UTF-8, UTF-16 with its mark, or else the western encoding of old spreadsheets."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def clean(text: str, longest: int) -> str:
    """Text that a database takes and a terminal survives, cut to `longest` characters."""
    return _CONTROL.sub(" ", text).strip()[:longest]


def read(text: str, layout: Layout) -> list[Row]:
    """Rows below the first line that has the layout's columns. Raises UnreadableFile."""
    lines = text.replace("\x00", " ").splitlines(keepends=True)
    start = _header_line(lines, layout)
    delimiter = _delimiter(lines[start], layout)
    try:
        reader = csv.reader(io.StringIO("".join(lines[start:]), newline=""), delimiter=delimiter, strict=False)
        places = _places(next(reader), layout.columns)
        rows: list[Row] = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(rows) >= MAX_ROWS:
                raise UnreadableFile("too_many_rows", f"A file may have {MAX_ROWS} rows: send it in parts.")
            rows.append(Row(start + reader.line_num, clean(delimiter.join(cells), 500), _fields(cells, places)))
    except csv.Error as error:
        raise UnreadableFile("no_csv", f"The file is no CSV: {error}.") from error
    return rows


def _fields(cells: Sequence[str], places: dict[str, list[int]]) -> dict[str, str]:
    """The first cell of each field that is not empty; fees and taxes are added up later, so all of theirs."""
    found: dict[str, str] = {}
    last = len(cells)
    for name, columns in places.items():
        if len(columns) == 1:  # as nearly every field: this is the innermost loop of a large file
            cell = cells[columns[0]].strip() if columns[0] < last else ""
            if cell:
                found[name] = cell
            continue
        given = [cells[place].strip() for place in columns if place < len(cells) and cells[place].strip()]
        if given:
            found[name] = "\x1f".join(given) if name in ("fee", "tax") else given[0]
    return found


def _header_line(lines: Sequence[str], layout: Layout) -> int:
    for number, line in enumerate(lines[:HEADER_LINES]):
        if len(line) > MAX_CELL:
            break
        cells = next(csv.reader([line], delimiter=_delimiter(line, layout)), [])
        found = _places(cells, layout.columns)
        if "date" in found and ({"kind", "quantity", "amount"} & set(found)):
            return number
    wanted = ", ".join(layout.columns.date)
    raise UnreadableFile(
        "no_header",
        f"None of the first {HEADER_LINES} lines names the columns of this layout (a date: {wanted}; and a kind, a "
        "quantity or an amount): choose another preset, or save a mapping.",
    )


def _places(cells: Sequence[str], columns: Columns) -> dict[str, list[int]]:
    """Where the columns of each field are, those of earlier alternatives first."""
    named = {cell.strip().lower(): place for place, cell in reversed(list(enumerate(cells)))}
    places: dict[str, list[int]] = {}
    for field in Columns.model_fields:
        wanted: list[str] = getattr(columns, field)
        found = [named[name.strip().lower()] for name in wanted if name.strip().lower() in named]
        if found:
            places[field] = found
    return places


def _delimiter(line: str, layout: Layout) -> str:
    if layout.delimiter != "auto":
        return _DELIMITERS.get(layout.delimiter, layout.delimiter)
    return max((",", ";", "\t", "|"), key=line.count)
