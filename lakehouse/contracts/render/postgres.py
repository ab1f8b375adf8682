"""Contracts in the spelling of PostgreSQL's catalogue, to prove a migrated database against them."""

from dataclasses import dataclass

from lakehouse.contracts.model import Column, Table, Type

_PLAIN: dict[Type, str] = {
    Type.STRING: "text",
    Type.INT32: "integer",
    Type.INT64: "bigint",
    Type.FLOAT64: "double precision",
    Type.BOOL: "boolean",
    Type.DATE: "date",
    Type.TIMESTAMP: "timestamp with time zone",
    Type.BINARY: "bytea",
    Type.UUID: "uuid",
    Type.JSON: "jsonb",
}


@dataclass(frozen=True, slots=True)
class PostgresColumn:
    """A column as `pg_attribute` describes it."""

    name: str
    type: str
    nullable: bool
    comment: str


def data_type(column: Column) -> str:
    """The type as `format_type` prints it."""
    if column.type is Type.DECIMAL:
        return f"numeric({column.precision},{column.scale})"
    return _PLAIN[column.type]


def columns(table: Table) -> tuple[PostgresColumn, ...]:
    """The table's columns in order; the comment is the documentation, with its unit."""
    return tuple(
        PostgresColumn(column.name, data_type(column), column.nullable, _comment(column)) for column in table.columns
    )


def _comment(column: Column) -> str:
    return f"{column.doc} ({column.unit})" if column.unit else column.doc
