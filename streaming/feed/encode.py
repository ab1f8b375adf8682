"""Rows as the JSON messages of a topic, column by column, and the envelope of a row that is known to be bad."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.contracts.model import Column, Topic, Type
from lakehouse.contracts.reasons import Reason
from lakehouse.errors import TidemarkError

RAW_LIMIT = 64 * 1024
"""Characters of a bad row that travel with it: enough for any honest row, small beside a broker's limit."""


class EncodeError(TidemarkError):
    """A value that JSON cannot carry, or a column type that no topic has."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that its reader knows to be bad: `source` is FILE:ROW, `raw` the row as it was read."""

    reason: Reason
    detail: str
    source: str
    raw: str
    symbol: str | None = None


def encode(topic: Topic, rows: pa.Table) -> list[bytes]:
    """One UTF-8 JSON object a row, in order, absent values left out.

    `rows` has columns of the topic in the types of `contracts.render.arrow.message_schema`; further columns
    are not sent. Decimals become plain decimal strings, dates ISO strings, floats the shortest number that
    reads back equal. Raises EncodeError for a NaN or an infinity.
    """
    columns = [(field, rows.column(field.name)) for field in topic.fields if field.name in rows.column_names]
    pieces = [piece for field, column in columns if column.null_count < len(column) for piece in _pieces(field, column)]
    if not pieces:
        return [b"{}"] * rows.num_rows
    joined = pc.binary_join_element_wise(*pieces, "", null_handling="replace", null_replacement="")
    # Every piece starts with a comma, so that any of them may be absent: the first comma becomes the brace.
    opened = pc.binary_replace_slice(joined, 0, 1, "{")
    return _bytes(pc.binary_join_element_wise(opened, "}", ""))


def keys(topic: Topic, rows: pa.Table) -> list[bytes | None]:
    """The message key of every row: the topic's key column as UTF-8."""
    found: list[bytes | None] = rows.column(topic.key).cast(pa.binary()).to_pylist()
    return found


def envelope(reject: Reject) -> bytes:
    """The message that takes a bad row through the topic to quarantine; `raw` is cut at RAW_LIMIT characters."""
    body = {
        "_reject": reject.reason.value,
        "_detail": reject.detail,
        "_source": reject.source,
        "_raw": reject.raw[:RAW_LIMIT],
    }
    return msgspec.json.encode(body)


def envelope_key(reject: Reject) -> bytes | None:
    """The symbol that the bad row names, so that it shares its neighbours' partition; None where it names none."""
    return reject.symbol.encode() if reject.symbol else None


def _bytes(text: pa.ChunkedArray) -> list[bytes]:
    found: list[bytes] = text.cast(pa.binary()).to_pylist()
    return found


def _pieces(field: Column, column: pa.ChunkedArray) -> list[pa.ChunkedArray | str]:
    prefix = f",{json.dumps(field.name)}:"
    try:
        text = _TEXT[field.type](column)
    except KeyError:
        raise EncodeError(f"field {field.name}: no message carries type {field.type}") from None
    # A column without gaps joins the row's one concatenation; a gap must take its own name with it.
    return [prefix, text] if text.null_count == 0 else [pc.binary_join_element_wise(prefix, text, "")]


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(column, pa.string())


def _float(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pc.all(pc.is_finite(column)).as_py() is False:
        raise EncodeError("a price or size is NaN or infinite: quarantine the row instead of sending it")
    return _plain(column)


def _string(column: pa.ChunkedArray) -> pa.ChunkedArray:
    encoded = pc.dictionary_encode(column.combine_chunks())
    escaped = pa.array([json.dumps(value) for value in encoded.dictionary.to_pylist()], pa.string())
    return pa.chunked_array([escaped.take(encoded.indices)])


def _date(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return _string(_plain(column))


def _decimal(column: pa.ChunkedArray) -> pa.ChunkedArray:
    text = pc.cast(column, pa.string())
    if pc.any(pc.match_substring(text, "E")).as_py():
        # Arrow prints a small decimal as 1.2E-7, which is no decimal string.
        text = pa.chunked_array(
            [[None if value is None else f"{value:f}" for value in column.to_pylist()]], pa.string()
        )
    trimmed = pc.ascii_rtrim(pc.ascii_rtrim(text, "0"), ".")
    return pc.binary_join_element_wise('"', trimmed, '"', "")


_TEXT: dict[Type, Callable[[pa.ChunkedArray], pa.ChunkedArray]] = {
    Type.STRING: _string,
    Type.DATE: _date,
    Type.INT32: _plain,
    Type.INT64: _plain,
    Type.FLOAT64: _float,
    Type.DECIMAL: _decimal,
}
