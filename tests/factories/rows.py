"""Whole rows of a contract from the few values that a test is about."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import pyarrow as pa

from lakehouse.contracts.model import Column, Table, Type
from lakehouse.contracts.render import arrow

Row = dict[str, object]

_ZERO: Mapping[Type, object] = {
    Type.STRING: "", Type.JSON: "[]", Type.INT32: 0, Type.INT64: 0, Type.FLOAT64: 0.0, Type.BOOL: False,
    Type.DECIMAL: Decimal(0),
}  # fmt: skip


def whole(contract: Table, given: Mapping[str, object]) -> Row:
    """Every column in order: what is given, or nothing, or zero. Dates and ids have to be given."""
    return {
        column.name: given[column.name] if column.name in given else _default(column) for column in contract.columns
    }


def arrow_rows(contract: Table, rows: Iterable[Mapping[str, object]]) -> pa.Table:
    """Such rows as the lake has them."""
    return pa.Table.from_pylist([whole(contract, row) for row in rows], arrow.schema(contract))


def _default(column: Column) -> object:
    return None if column.nullable else _ZERO[column.type]
