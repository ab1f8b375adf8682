"""Contracts as Spark schemas, in the JSON form that StructType.fromJson reads (no Spark is imported here)."""

from lakehouse.contracts.model import Column, Table, Type

_PLAIN: dict[Type, str] = {
    Type.STRING: "string",
    Type.INT32: "integer",
    Type.INT64: "long",
    Type.FLOAT64: "double",
    Type.BOOL: "boolean",
    Type.DATE: "date",
    Type.TIMESTAMP: "timestamp",
    Type.BINARY: "binary",
    Type.UUID: "string",
    Type.JSON: "string",
}


def data_type(column: Column) -> str:
    """The Spark type name of a column."""
    if column.type is Type.DECIMAL:
        return f"decimal({column.precision},{column.scale})"
    return _PLAIN[column.type]


def struct(table: Table) -> dict[str, object]:
    """A StructType as a JSON object. Spark writes every Delta column nullable, so nullability is a CHECK."""
    fields = [
        {"name": column.name, "type": data_type(column), "nullable": True, "metadata": {"comment": column.doc}}
        for column in table.columns
    ]
    return {"type": "struct", "fields": fields}
