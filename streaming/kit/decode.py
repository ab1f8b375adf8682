"""JSON messages to Arrow: a columnar parser for clean batches, a message at a time where one is not. Pure."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from lakehouse.contracts.model import Column, Topic, Type
from lakehouse.contracts.reasons import Reason
from lakehouse.contracts.render.arrow import message_schema
from lakehouse.contracts.tables.bronze import EXTRA

# A producer that already knows a row to be bad sends it in this envelope, so that every row crosses Kafka.
REJECT, DETAIL, SOURCE, RAW = "_reject", "_detail", "_source", "_raw"
_ENVELOPE_NAMES = {"envelope_reject": REJECT, "envelope_detail": DETAIL, "envelope_source": SOURCE, "envelope_raw": RAW}

FEW = 64
"""Up to so many messages are sooner read one by one: Arrow's parser begins with half a millisecond and another thread,
which on a busy machine comes when it comes."""
_OPEN, _CLOSE, _NEWLINE = ord("{"), ord("}"), ord("\n")
_PYTHON: dict[Type, Any] = {
    Type.INT32: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)],
    Type.INT64: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)],
    Type.FLOAT64: float,
    Type.BOOL: bool,
    Type.DATE: datetime.date,
    Type.TIMESTAMP: datetime.datetime,
    Type.DECIMAL: Decimal,
    Type.JSON: dict[str, msgspec.Raw],
}


@dataclass(frozen=True, slots=True)
class BadMessage:
    """Message `index` of the batch cannot be a row: `raw` is its content, cut at the decoder's limit."""

    index: int
    reason: Reason
    detail: str
    raw: bytes
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """`rows` in message order, with the topic's fields and `_extra`; `index[i]` is the message of row i."""

    rows: pa.Table
    index: np.ndarray
    bad: tuple[BadMessage, ...] = ()


class _Refused(Exception):
    def __init__(self, reason: Reason, detail: str, *, raw: bytes | None = None, source: str | None = None) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.raw, self.source = reason, detail, raw, source


class Decoder:
    """Decodes batches of one topic. Not shared between threads; messages are never reordered."""

    def __init__(self, topic: Topic, *, max_message_bytes: int) -> None:
        self._topic = topic
        self._limit = max_message_bytes
        self._fields = message_schema(topic)
        self._names = frozenset(self._fields.names)
        self.schema = self._fields.append(pa.field(EXTRA.name, pa.string()))
        options = pyarrow.json.ParseOptions(
            explicit_schema=pa.schema([_parsed(field) for field in self._fields]),
            unexpected_field_behavior="infer",
        )
        self._parse_options = options
        # The lander decodes in a thread of its own: one core a batch, so that batches overlap with reading.
        self._read_options = pyarrow.json.ReadOptions(use_threads=False, block_size=16 << 20)
        self._decimals = tuple(field for field in topic.fields if field.type is Type.DECIMAL)
        self._nested = frozenset(field.name for field in topic.fields if field.type is Type.JSON)
        fields = [(field.name, _python(field) | None, None) for field in topic.fields]
        envelope = [(name, str | None, None) for name in _ENVELOPE_NAMES]
        struct = msgspec.defstruct("Message", [*fields, *envelope], rename=_ENVELOPE_NAMES)
        self._message: msgspec.json.Decoder[Any] = msgspec.json.Decoder(struct)
        self._object = msgspec.json.Decoder(dict[str, msgspec.Raw])

    def decode(self, messages: Sequence[bytes | None]) -> Decoded:
        """Every message becomes a row or a BadMessage; None is a message without a value."""
        rows = self._parse_together(messages) if len(messages) > FEW else None
        if rows is not None:
            return Decoded(rows, np.arange(len(messages)))
        return self._decode_each(messages)

    def cut(self, message: bytes | None) -> bytes:
        """What of a bad message is kept."""
        return (message or b"")[: self._limit]

    def _parse_together(self, messages: Sequence[bytes | None]) -> pa.Table | None:
        """The batch through Arrow's parser, or None where a message needs a look of its own."""
        if self._nested:
            return None
        try:
            joined = b"\n".join(messages)  # type: ignore[arg-type] # a None is what the TypeError below is for
        except TypeError:
            return None
        if not self._is_flat(joined, len(messages)):
            return None
        try:
            parsed = pyarrow.json.read_json(
                pa.BufferReader(joined), read_options=self._read_options, parse_options=self._parse_options
            )
            columns = [_typed(parsed[field.name], field.type) for field in self._fields]
        except pa.ArrowInvalid:
            return None
        if parsed.num_rows != len(messages) or REJECT in parsed.column_names:
            return None
        if any(column is None for column in columns):
            return None
        extra = pa.nulls(len(messages), pa.string())
        if parsed.num_columns > len(columns):
            extra = pa.array([self._extra(self._object.decode(message)) for message in messages], pa.string())  # type: ignore[arg-type] # no None is left
        return pa.table([*columns, extra], schema=self.schema)

    def _is_flat(self, joined: bytes, count: int) -> bool:
        """Whether each line is one object with nothing nested in it.

        Arrow's parser crashes the process on a bare `null` and on deep nesting, does not validate UTF-8, and
        takes `{}{}` for two rows: only batches that cannot hold any of these reach it. Braces inside a string
        or a nested unknown field merely send the batch the slower way.
        """
        data = np.frombuffer(joined, np.uint8)
        ends = np.flatnonzero(data == _NEWLINE)
        if len(ends) != count - 1 or b"[" in joined or not joined.startswith(b"{") or not joined.endswith(b"}"):
            return False
        if np.count_nonzero(data == _OPEN) != count or np.count_nonzero(data == _CLOSE) != count:
            return False
        if not (np.all(data[ends + 1] == _OPEN) and np.all(data[ends - 1] == _CLOSE)):
            return False
        edges = np.concatenate(([-1], ends, [len(data)]))
        return int(np.diff(edges).max()) - 1 <= self._limit and _is_utf8(joined)

    def _decode_each(self, messages: Sequence[bytes | None]) -> Decoded:
        """Set the bad messages aside; the rest together again, or a row at a time where even that fails."""
        bad: list[BadMessage] = []
        vetted: list[tuple[int, bytes, Any]] = []
        for position, message in enumerate(messages):
            try:
                vetted.append((position, message or b"", self._vet(message or b"")))
            except _Refused as refusal:
                bad.append(self._bad(position, message, refusal))
        rows = self._parse_together([message for _, message, _ in vetted]) if bad and len(vetted) > FEW else None
        if rows is not None:
            return Decoded(rows, np.array([position for position, _, _ in vetted], np.int64), tuple(bad))
        return self._build(vetted, bad)

    def _build(self, vetted: list[tuple[int, bytes, Any]], bad: list[BadMessage]) -> Decoded:
        kept: list[tuple[object, ...]] = []
        index: list[int] = []
        for position, message, row in vetted:
            try:
                values = [self._value(row, name) for name in self._fields.names]
                extra = self._extra(self._object.decode(message))
            except UnicodeDecodeError as error:
                bad.append(self._bad(position, message, _Refused(Reason.UNPARSABLE, str(error))))
            else:
                kept.append((*values, extra))
                index.append(position)
        columns = list(zip(*kept, strict=True)) or [()] * len(self.schema)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self.schema, strict=True)]
        rows = pa.table(arrays, schema=self.schema)
        return Decoded(rows, np.array(index, np.int64), tuple(sorted(bad, key=lambda found: found.index)))

    def _value(self, row: Any, name: str) -> object:
        """A field as its column holds it: nested JSON as text, its numbers and strings as they came."""
        value = getattr(row, name)
        return msgspec.json.encode(value).decode() if name in self._nested and value is not None else value

    def _bad(self, position: int, message: bytes | None, refusal: _Refused) -> BadMessage:
        raw = self.cut(message if refusal.raw is None else refusal.raw)
        return BadMessage(position, refusal.reason, refusal.detail, raw, refusal.source)

    def _vet(self, message: bytes) -> Any:
        """The message as a struct whose values fit the contract's types. Raises _Refused."""
        if len(message) > self._limit:
            raise _Refused(Reason.OVERSIZED, f"{len(message)} bytes, more than {self._limit}")
        if not message:
            raise _Refused(Reason.UNPARSABLE, "the message is empty")
        try:
            row = self._message.decode(message)
        except msgspec.ValidationError as error:
            raise _Refused(self._reason_of(str(error)), str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _Refused(Reason.UNPARSABLE, str(error)) from None
        if row.envelope_reject is not None:
            raise _rejected(row)
        for field in self._decimals:
            _refuse_unfitting(field, getattr(row, field.name))
        return row

    def _reason_of(self, error: str) -> Reason:
        if error.endswith(f"`$.{self._topic.event_time}`"):
            return Reason.UNPARSABLE_TIME
        return Reason.WRONG_TYPE if "`$." in error else Reason.UNPARSABLE

    def _extra(self, everything: dict[str, msgspec.Raw]) -> str | None:
        unknown = {name: value for name, value in everything.items() if name not in self._names}
        return msgspec.json.encode(unknown).decode() if unknown else None


def _rejected(envelope: Any) -> _Refused:
    word, detail = envelope.envelope_reject, envelope.envelope_detail or ""
    known = word in set(Reason)
    return _Refused(
        Reason(word) if known else Reason.UNPARSABLE,
        detail if known else f"refused by its producer as {word!r}, which is no reason: {detail}",
        raw=None if envelope.envelope_raw is None else envelope.envelope_raw.encode(),
        source=envelope.envelope_source,
    )


def _refuse_unfitting(field: Column, value: Decimal | None) -> None:
    if value is None:
        return
    # adjusted() first: to quantise Decimal("1E+400000") would build a number of that many digits.
    if not value.is_finite() or (value and value.adjusted() >= field.precision - field.scale):
        raise _Refused(Reason.WRONG_TYPE, f"{field.name} is {value}: beyond decimal({field.precision},{field.scale})")
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > field.scale:
        raise _Refused(Reason.WRONG_TYPE, f"{field.name} is {value}: more than {field.scale} decimal places")


def _typed(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray | None:
    """The parsed column in its contract's type, or None where the parser took what JSON or the contract refuses."""
    if pa.types.is_date(wanted):
        return pc.cast(column, wanted)
    if column.null_count == len(column):
        return column
    if pa.types.is_floating(wanted):
        return column if pc.all(pc.is_finite(column)).as_py() else None
    if pa.types.is_decimal(wanted):
        largest = pc.max(pc.abs(column)).as_py()
        return None if largest >= Decimal(10) ** (wanted.precision - wanted.scale) else column
    return column


def _parsed(field: pa.Field) -> pa.Field:
    """Arrow's JSON parser knows no dates: they are read as text and cast."""
    return field.with_type(pa.string()) if pa.types.is_date(field.type) else field


def _python(field: Column) -> Any:
    return _PYTHON.get(field.type, str)


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
