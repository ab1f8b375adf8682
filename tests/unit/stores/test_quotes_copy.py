"""Binary COPY from columns: what a plain reader of PostgreSQL's format reads back."""

import struct

import numpy as np
import pytest

from lakehouse.stores import quotes_copy
from lakehouse.stores.quotes_copy import CopyColumn, Floats, Instants, Plain, Text

POSTGRES_EPOCH_US = 946_684_800_000_000


def read_back(body: bytes) -> list[tuple[bytes | None, ...]]:
    """The fields of each row, as https://www.postgresql.org/docs/17/sql-copy.html describes them."""
    rows, place = [], 0
    while place < len(body):
        (count,) = struct.unpack_from(">h", body, place)
        place += 2
        fields: list[bytes | None] = []
        for _ in range(count):
            (length,) = struct.unpack_from(">i", body, place)
            place += 4
            fields.append(None if length < 0 else body[place : place + length])
            place += max(length, 0)
        rows.append(tuple(fields))
    return rows


def test_every_row_comes_back_field_for_field() -> None:
    names = ["A", "BRK.B", "Ü"]
    code = np.array([0, 1, 2, 1, 0])
    at_us = np.array([POSTGRES_EPOCH_US, 0, -1, POSTGRES_EPOCH_US + 7, 2**60])
    price = np.array([1.5, np.nan, 0.1, np.nan, -0.0])
    size = np.array([np.nan, np.nan, 3.0, 4.0, 5.0])
    trade = np.array([True, False, True, False, True])
    offset = np.array([1, 2, 3, 4, 2**62])
    columns: tuple[CopyColumn, ...] = (
        Instants(at_us),
        Text([name.encode() for name in names], code),
        Plain(trade),
        Floats(price),
        Floats(size),
        Plain(offset),
        Plain(code.astype(np.int32)),
    )

    found = read_back(quotes_copy.body(columns, len(code)))

    def number(value: float) -> bytes | None:
        return None if np.isnan(value) else struct.pack(">d", value)

    assert sorted(found, key=str) == sorted(
        (
            (
                struct.pack(">q", int(at_us[i]) - POSTGRES_EPOCH_US),
                names[code[i]].encode(),
                bytes([int(trade[i])]),
                number(float(price[i])),
                number(float(size[i])),
                struct.pack(">q", int(offset[i])),
                struct.pack(">i", int(code[i])),
            )
            for i in range(len(code))
        ),
        key=str,
    )


def test_no_rows_are_no_bytes() -> None:
    assert quotes_copy.body((Plain(np.empty(0, np.int64)),), 0) == b""


def test_more_columns_than_it_can_lay_out_are_refused() -> None:
    with pytest.raises(ValueError, match="9 float and 0 text columns"):
        quotes_copy.body([Floats(np.zeros(1)) for _ in range(9)], 1)
