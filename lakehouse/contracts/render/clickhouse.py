"""Contracts as ClickHouse tables: the DDL of a mart, and its columns as `system.columns` lists them."""

from dataclasses import dataclass

from lakehouse.contracts.model import Column, Table, Type

_PLAIN: dict[Type, str] = {
    Type.STRING: "String",
    Type.INT32: "Int32",
    Type.INT64: "Int64",
    Type.FLOAT64: "Float64",
    Type.BOOL: "Bool",
    # Date ends in 2149 and starts in 1970; daily history is older than that.
    Type.DATE: "Date32",
    Type.TIMESTAMP: "DateTime64(6, 'UTC')",
    Type.BINARY: "String",
    Type.UUID: "UUID",
    Type.JSON: "String",
}


@dataclass(frozen=True, slots=True)
class ClickHouseColumn:
    """A column as `system.columns` describes it."""

    name: str
    type: str
    comment: str


def data_type(column: Column) -> str:
    """The type as `system.columns` prints it, Nullable included."""
    plain = f"Decimal({column.precision}, {column.scale})" if column.type is Type.DECIMAL else _PLAIN[column.type]
    return f"Nullable({plain})" if column.nullable else plain


def columns(table: Table) -> tuple[ClickHouseColumn, ...]:
    """The table's columns in order; the comment is the documentation, with its unit."""
    return tuple(ClickHouseColumn(column.name, data_type(column), _comment(column)) for column in table.columns)


def constraints(table: Table) -> dict[str, str]:
    """Each CHECK by its name, which is stable as long as the order of the checks is."""
    return {f"{table.short_name}_check_{number}": check for number, check in enumerate(table.checks, start=1)}


def table_comment(table: Table) -> str:
    """What the table holds and what one row is."""
    return f"{table.doc} One row per {table.grain}."


def create_table(table: Table) -> str:
    """CREATE TABLE IF NOT EXISTS in the database that is current when it runs; no trailing semicolon."""
    lines = [f"    {quote_name(c.name)} {c.type} COMMENT {quote_text(c.comment)}" for c in columns(table)]
    lines += [f"    CONSTRAINT {name} CHECK {check}" for name, check in constraints(table).items()]
    body = ",\n".join(lines)
    partition = f"PARTITION BY {quote_name(table.partition_by)}\n" if table.partition_by else ""
    return (
        f"CREATE TABLE IF NOT EXISTS {quote_name(table.short_name)}\n(\n{body}\n)\nENGINE = MergeTree\n{partition}"
        f"ORDER BY ({', '.join(quote_name(name) for name in table.key)})\nCOMMENT {quote_text(table_comment(table))}"
    )


def quote_name(name: str) -> str:
    """An identifier in backquotes."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def quote_text(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _comment(column: Column) -> str:
    return f"{column.doc} ({column.unit})" if column.unit else column.doc
