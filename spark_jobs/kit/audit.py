"""The audit of a staged output: every check of its table and the content hash, in one aggregation pass."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, functions as F

from lakehouse.contracts.model import Store, Table
from lakehouse.contracts.quality import (
    Grade,
    Referential,
    RowCountBand,
    SchemaHash,
    UniqueKey,
    checks_of,
)
from spark_jobs.kit.audit_sql import Compiled, compiled, with_helpers
from spark_jobs.kit.errors import DataError
from spark_jobs.kit.findings import Finding, Result
from spark_jobs.kit.fingerprint import content_hash, hexadecimal, measures
from spark_jobs.kit.model import Audit, Output

SAMPLE_ROWS = 5


class AuditFailedError(DataError):
    """A staged output broke a promise, and nothing was published. Carries `table`, `check`, `rows` and a `sample`, and
    in `findings` every check that was broken."""

    def __init__(self, table: Table, check: str, rows: int, sample: tuple[str, ...] = ()) -> None:
        self.table, self.check, self.rows, self.sample = table.name, check, rows, sample
        self.findings: tuple[Finding, ...] = ()
        shown = f"; for example {' | '.join(sample)}" if sample else ""
        super().__init__(
            f"{table.name}: check {check!r} failed for {rows} rows and nothing was published{shown}. Correct the "
            "input or the job, then run it again"
        )


@dataclass(frozen=True, slots=True)
class Around:
    """What checks of an output look at beside it.

    `column` gives the values of a table's column, or None where the table does not exist; `rows_before` the rows of
    each partition as last published; `has_contract_schema` whether what is published to has the contract's columns."""

    business_date: date
    column: Callable[[str, str], DataFrame | None]
    rows_before: Callable[[Table], Mapping[str, int]]
    has_contract_schema: Callable[[Table], bool]


def audit(output: Output, staged: DataFrame, around: Around) -> Audit:
    """Aggregate `staged` once and judge it by every check of its table. A broken warning is in the audit's findings.
    Raises AuditFailedError naming the first broken check of grade `fail`, with sample rows."""
    checks = row_checks(output.table, around.business_date)
    judged = with_helpers(staged, checks, _references(checks, staged, around))
    found = _aggregate(output, judged, checks)
    verdicts = [
        *_schema(output.table, around),
        *(_verdict(check, position, found) for position, check in enumerate(checks)),
        *_unique(output.table, staged, found),
        *_counts(output, found, around),
    ]
    broken = tuple(_finding(output.table, verdict) for verdict in verdicts if verdict.result.rows)
    for verdict in verdicts:
        if verdict.result.rows and verdict.result.grade is Grade.FAIL:
            sample = verdict.sample or _sample(judged.where(verdict.violation).select(*output.table.column_names))
            error = AuditFailedError(output.table, verdict.result.check, verdict.result.rows, sample)
            error.findings = broken
            raise error
    return _told(output, found, tuple(verdict.result for verdict in verdicts), broken)


def row_checks(table: Table, business_date: date) -> tuple[Compiled, ...]:
    """The checks of `table` that each row keeps or breaks, as SQL."""
    of_rows = [check for check in checks_of(table) if not isinstance(check, UniqueKey | RowCountBand | SchemaHash)]
    return tuple(compiled(check, position, business_date) for position, check in enumerate(of_rows))


@dataclass(frozen=True, slots=True)
class _Verdict:
    """A judged check. `violation` is SQL that finds the bad rows; `example` the key of one of them."""

    result: Result
    violation: str = "false"
    example: str = ""
    sample: tuple[str, ...] = ()


def _verdict(check: Compiled, position: int, found: list[dict[str, Any]]) -> _Verdict:
    stated, rows = check.check, _total(found, f"check_{position}")
    example = next((row[f"example_{position}"] for row in found if row[f"example_{position}"]), "")
    result = Result(stated.name, type(stated).__name__, stated.grade, rows)
    return _Verdict(result, check.violation, example)


def _finding(table: Table, verdict: _Verdict) -> Finding:
    told = verdict.result
    shown = verdict.example or " | ".join(verdict.sample)
    detail = f"{told.rows} rows; for example {shown}" if shown else f"{told.rows} rows"
    return Finding(table.name, told.check, told.kind, told.grade, told.rows, detail)


def _references(checks: tuple[Compiled, ...], staged: DataFrame, around: Around) -> dict[str, DataFrame]:
    """By helper column: the values that exist in the other table, under the name of the column that refers to them."""
    found: dict[str, DataFrame] = {}
    for check in checks:
        if isinstance(check.check, Referential):
            stated = check.check
            known = around.column(stated.table, stated.other_column)
            values = staged.select(stated.column).limit(0) if known is None else known.toDF(stated.column)
            found[check.refers] = F.broadcast(values.distinct().withColumn(check.refers, F.lit(1)))
    return found


def _aggregate(output: Output, judged: DataFrame, checks: tuple[Compiled, ...]) -> list[dict[str, Any]]:
    table = output.table
    keys = ", ".join(f"`{name}`" for name in table.key)
    counted = {f"check_{position}": f"count_if({check.violation})" for position, check in enumerate(checks)}
    # An example costs nothing here; a query of its own would read the staged rows again.
    examples = {
        f"example_{position}": f"max(CASE WHEN {check.violation} THEN to_json(struct({keys})) END)"
        for position, check in enumerate(checks)
    }
    aggregates = {
        "rows": "count(1)",
        # 64-bit hashes shuffle less than keys; a collision is told from a repeated key below.
        "keys": f"count(DISTINCT xxhash64({keys}))",
        "content": content_hash(table),
        **counted,
        **examples,
        **{f"extra_{name}": aggregate for name, aggregate in output.extras.items()},
        **({f"sum_{m.label}": m.spark for m in measures(table)} if Store.CLICKHOUSE in table.stores else {}),
    }
    columns = [F.expr(expression).alias(name) for name, expression in aggregates.items()]
    value = F.col(table.partition_by).cast("string") if table.partition_by else F.lit("")
    rows: list[dict[str, Any]] = judged.groupBy(value.alias("partition_value")).agg(*columns).toArrow().to_pylist()
    return rows


def _schema(table: Table, around: Around) -> tuple[_Verdict, ...]:
    broken = not around.has_contract_schema(table)
    told = ("the table in the lake has other columns than its contract: it needs a migration or a new version",)
    check = SchemaHash()
    return (_Verdict(Result(check.name, "SchemaHash", check.grade, int(broken)), sample=told if broken else ()),)


def _unique(table: Table, staged: DataFrame, found: list[dict[str, Any]]) -> tuple[_Verdict, ...]:
    check = next(check for check in checks_of(table) if isinstance(check, UniqueKey))
    repeated = _total(found, "rows") - _total(found, "keys")
    sample = _sample(staged.groupBy(*table.key).count().where("count > 1")) if repeated else ()
    rows = repeated if sample else 0
    return (_Verdict(Result(check.name, "UniqueKey", check.grade, rows), sample=sample),)


def _counts(output: Output, found: list[dict[str, Any]], around: Around) -> tuple[_Verdict, ...]:
    rows = _total(found, "rows")
    few, many = rows < output.minimum, output.maximum is not None and rows > output.maximum
    bounds = (
        *([_limit(f"at least {output.minimum} rows", few, rows)] if output.minimum else ()),
        *([_limit(f"at most {output.maximum} rows", many, rows)] if output.maximum is not None else ()),
    )
    bands = [check for check in checks_of(output.table) if isinstance(check, RowCountBand)]
    return (*bounds, *(_band(output, check, found, around) for check in bands))


def _limit(name: str, is_broken: bool, rows: int) -> _Verdict:
    told = (f"{rows} rows",) if is_broken else ()
    return _Verdict(Result(name, "RowCount", Grade.FAIL, max(rows, 1) if is_broken else 0), sample=told)


def _band(output: Output, check: RowCountBand, found: list[dict[str, Any]], around: Around) -> _Verdict:
    before = around.rows_before(output.table)
    rows = {row["partition_value"]: int(row["rows"]) for row in found}
    outside = []
    for value in output.scope.partitions:
        earlier = max((known for known in before if known < value), default="")
        usual = before.get(value, before.get(earlier, 0))
        if usual >= check.minimum and not check.low * usual <= rows.get(value, 0) <= check.high * usual:
            outside.append(f"{value} has {rows.get(value, 0)} rows after {usual}")
    return _Verdict(Result(check.name, "RowCountBand", check.grade, len(outside)), sample=tuple(outside[:SAMPLE_ROWS]))


def _told(
    output: Output, found: list[dict[str, Any]], results: tuple[Result, ...], findings: tuple[Finding, ...]
) -> Audit:
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
        results=results,
        findings=findings,
    )


def _plain(number: Any) -> str:
    return "0" if number is None else f"{number:f}" if hasattr(number, "as_tuple") else str(number)


def _total(found: list[dict[str, Any]], name: str) -> int:
    return reduce(lambda total, row: total + int(row[name] or 0), found, 0)


def _sample(bad: DataFrame) -> tuple[str, ...]:
    return tuple(str(row.asDict()) for row in bad.limit(SAMPLE_ROWS).collect())
