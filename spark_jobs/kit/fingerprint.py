"""What a partition holds, in numbers: sums that Spark and ClickHouse both compute exactly, and Spark's content hash."""

from dataclasses import dataclass

from lakehouse.contracts.model import Column, Table, Type

RUN_ID = "run_id"
"""Provenance, and so no part of the content: two runs over the same input have the same hash."""
FLOAT_STEPS = "1000000.0"
"""A float counts in whole millionths: integers sum to the same number in any order, on any engine."""

_SPARK: dict[Type, str] = {
    Type.STRING: "sum(crc32({0}))",
    Type.BINARY: "sum(crc32({0}))",
    Type.UUID: "sum(crc32({0}))",
    Type.JSON: "sum(crc32({0}))",
    Type.INT32: "sum(cast({0} AS decimal(20, 0)))",
    Type.INT64: "sum(cast({0} AS decimal(20, 0)))",
    Type.FLOAT64: "sum(cast(floor({0} * cast(" + FLOAT_STEPS + " AS double)) AS decimal(20, 0)))",
    Type.BOOL: "count_if({0})",
    Type.DATE: "sum(unix_date({0}))",
    Type.TIMESTAMP: "sum(cast(unix_micros({0}) AS decimal(20, 0)))",
    Type.DECIMAL: "sum({0})",
}
_CLICKHOUSE: dict[Type, str] = {
    Type.STRING: "sum(CRC32({0}))",
    Type.BINARY: "sum(CRC32({0}))",
    Type.UUID: "sum(CRC32(toString({0})))",
    Type.JSON: "sum(CRC32({0}))",
    Type.INT32: "sum(toInt128({0}))",
    Type.INT64: "sum(toInt128({0}))",
    Type.FLOAT64: "sum(toInt128(floor({0} * " + FLOAT_STEPS + ")))",
    Type.BOOL: "countIf({0})",
    Type.DATE: "sum(dateDiff('day', toDate32('1970-01-01'), toDate32({0})))",
    Type.TIMESTAMP: "sum(toInt128(toUnixTimestamp64Micro({0})))",
    Type.DECIMAL: "sum({0})",
}


@dataclass(frozen=True, slots=True)
class Measure:
    """One number about a partition and how each engine computes it; `label` is unique within the table."""

    label: str
    spark: str
    clickhouse: str


def measures(table: Table) -> tuple[Measure, ...]:
    """A sum for each column of `table`, and for a nullable one also how many values it has."""
    return tuple(measure for column in table.columns for measure in _of(column))


def content_hash(table: Table) -> str:
    """Spark SQL: the sum of the rows' hashes, so that the order of rows means nothing. A null is not an absent column:
    xxhash64 skips nulls, so each nullable column is hashed together with whether it is one."""
    terms = [term for column in table.columns if column.name != RUN_ID for term in _hashed(column)]
    return f"sum(cast(xxhash64({', '.join(terms)}) AS decimal(20, 0)))"


def hexadecimal(total: int) -> str:
    """A sum of signed 64-bit hashes as 16 hexadecimal digits."""
    return f"{total % (1 << 64):016x}"


def _of(column: Column) -> list[Measure]:
    found = [Measure(column.name, _SPARK[column.type].format(_q(column)), _CLICKHOUSE[column.type].format(_q(column)))]
    if column.nullable:
        found.append(Measure(f"{column.name}.present", f"count({_q(column)})", f"count({_q(column)})"))
    return found


def _hashed(column: Column) -> tuple[str, ...]:
    return (_q(column), f"isnull({_q(column)})") if column.nullable else (_q(column),)


def _q(column: Column) -> str:
    return f"`{column.name}`"
