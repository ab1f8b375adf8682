"""Contracts as Arrow schemas, for the lander and for every reader without Spark."""

import pyarrow as pa

from lakehouse.contracts.model import Column, Table, Topic, Type

_PLAIN: dict[Type, pa.DataType] = {
    Type.STRING: pa.string(),
    Type.INT32: pa.int32(),
    Type.INT64: pa.int64(),
    Type.FLOAT64: pa.float64(),
    Type.BOOL: pa.bool_(),
    Type.DATE: pa.date32(),
    Type.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    Type.BINARY: pa.binary(),
    Type.UUID: pa.string(),
    Type.JSON: pa.string(),
}


def data_type(column: Column) -> pa.DataType:
    """The Arrow type of a column; UUID and JSON travel as text."""
    if column.type is Type.DECIMAL:
        return pa.decimal128(column.precision, column.scale)
    return _PLAIN[column.type]


def schema(table: Table) -> pa.Schema:
    """The table's columns in order, with nullability and documentation."""
    return pa.schema([_field(column) for column in table.columns])


def message_schema(topic: Topic) -> pa.Schema:
    """The fields of a message, all nullable: absence is judged by the checks, not by the parser."""
    return pa.schema([pa.field(column.name, data_type(column)) for column in topic.fields])


def _field(column: Column) -> pa.Field:
    return pa.field(column.name, data_type(column), column.nullable, {b"comment": column.doc.encode()})
