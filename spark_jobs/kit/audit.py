"""The audit of a staged output: every check of the contract and the content hash, in one aggregation pass."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.contracts.model import Store, Table, Type
from spark_jobs.kit.errors import DataError
from spark_jobs.kit.fingerprint import content_hash, hexadecimal, measures
from spark_jobs.kit.model import Audit, Output

SAMPLE_ROWS = 5


class AuditFailedError(DataError):
    """A staged output broke a promise, and nothing was published. Carries `table`, `check`, `rows` and a `sample`."""

    def __init__(self, table: Table, check: str, rows: int, sample: tuple[str, ...] = ()) -> None:
        self.table, self.check, self.rows, self.sample = table.name, check, rows, sample
        shown = f"; for example {' | '.join(sample)}" if sample else ""
        super().__init__(
            f"{table.name}: check {check!r} failed for {rows} rows and nothing was published{shown}. Correct the "
            "input or the job, then run it again"
        )


@dataclass(frozen=True, slots=True)
class RowCheck:
    """A promise that a single row keeps or breaks: `violation` is Spark SQL, true for a bad row, never null."""

    name: str
    violation: str


def row_checks(table: Table) -> tuple[RowCheck, ...]:
    """The checks that the contract of `table` implies."""
    absent = [RowCheck(f"{c.name} IS NOT NULL", f"`{c.name}` IS NULL") for c in table.columns if not c.nullable]
    finite = [
        RowCheck(f"{c.name} is finite", f"coalesce(isnan(`{c.name}`) OR abs(`{c.name}`) = double('inf'), false)")
        for c in table.columns
        if c.type is Type.FLOAT64
    ]
    stated = [RowCheck(check, f"NOT coalesce({check}, false)") for check in table.checks]
    return (*absent, *finite, *stated)


def audit(output: Output, staged: DataFrame) -> Audit:
    """Aggregate `staged` once and judge it. Raises AuditFailedError naming the check, with sample rows."""
    table = output.table
    checks = row_checks(table)
    found = _aggregate(output, staged, checks)
    for position, check in enumerate(checks):
        if broken := _total(found, f"check_{position}"):
            raise AuditFailedError(table, check.name, broken, _sample(staged.where(check.violation)))
    if repeated := _total(found, "rows") - _total(found, "keys"):
        _refuse_repeated_keys(table, staged, repeated)
    _refuse_count(output, _total(found, "rows"))
    return _told(output, found)


def _aggregate(output: Output, staged: DataFrame, checks: tuple[RowCheck, ...]) -> list[dict[str, Any]]:
    table = output.table
    keys = ", ".join(f"`{name}`" for name in table.key)
    aggregates = {
        "rows": "count(1)",
        # 64-bit hashes shuffle less than keys; a collision is told from a repeated key below.
        "keys": f"count(DISTINCT xxhash64({keys}))",
        "content": content_hash(table),
        **{f"check_{position}": f"count_if({check.violation})" for position, check in enumerate(checks)},
        **{f"extra_{name}": aggregate for name, aggregate in output.extras.items()},
        **({f"sum_{m.label}": m.spark for m in measures(table)} if Store.CLICKHOUSE in table.stores else {}),
    }
    columns = [F.expr(expression).alias(name) for name, expression in aggregates.items()]
    value = F.col(table.partition_by).cast("string") if table.partition_by else F.lit("")
    rows: list[dict[str, Any]] = staged.groupBy(value.alias("partition_value")).agg(*columns).toArrow().to_pylist()
    return rows


def _refuse_repeated_keys(table: Table, staged: DataFrame, repeated: int) -> None:
    groups = staged.groupBy(*table.key).count().where("count > 1")
    sample = _sample(groups)
    if sample:
        raise AuditFailedError(table, f"({', '.join(table.key)}) is unique", repeated, sample)


def _refuse_count(output: Output, rows: int) -> None:
    if rows < output.minimum:
        raise AuditFailedError(output.table, f"at least {output.minimum} rows", rows)
    if output.maximum is not None and rows > output.maximum:
        raise AuditFailedError(output.table, f"at most {output.maximum} rows", rows)


def _told(output: Output, found: list[dict[str, Any]]) -> Audit:
    labels = [name for name in (found[0] if found else ()) if name.startswith("sum_")]
    by_value: Mapping[str, dict[str, Any]] = {row["partition_value"]: row for row in found}
    return Audit(
        row_count=_total(found, "rows"),
        content_hash=hexadecimal(_total(found, "content")),
        rows={value: int(row["rows"]) for value, row in by_value.items()},
        hashes={value: hexadecimal(int(row["content"])) for value, row in by_value.items()},
        sums={
            value: {label.removeprefix("sum_"): _plain(row[label]) for label in labels}
            for value, row in by_value.items()
        },
        extras={name: _total(found, f"extra_{name}") for name in output.extras},
    )


def _plain(number: Any) -> str:
    return "0" if number is None else f"{number:f}" if hasattr(number, "as_tuple") else str(number)


def _total(found: list[dict[str, Any]], name: str) -> int:
    return reduce(lambda total, row: total + int(row[name] or 0), found, 0)


def _sample(bad: DataFrame) -> tuple[str, ...]:
    return tuple(str(row.asDict()) for row in bad.limit(SAMPLE_ROWS).collect())
