"""What a batch job declares: how it plans, what it computes, and which part of each output it replaces."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from lakehouse.contracts.model import ContractError, Job, Table
from spark_jobs.kit.findings import Finding, Result

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spark_jobs.kit.run import Run

Value = str | int | date


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows of a table that a run replaces: a SQL predicate, and the partitions that it touches, as text.

    `whole` says that the predicate covers those partitions entirely.
    """

    predicate: str
    partitions: tuple[str, ...]
    whole: bool = True


def partitions(table: Table, values: tuple[Value, ...]) -> Scope:
    """Whole partitions of `table`. Raises ContractError for none, or for a table without partitions."""
    if table.partition_by is None or not values:
        raise ContractError(f"{table.name}: a run replaces at least one partition, got {values!r}")
    column = table.column(table.partition_by)
    listed = ", ".join(literal(value) for value in values)
    return Scope(f"{column.name} IN ({listed})", tuple(str(value) for value in values))


def literal(value: Value) -> str:
    """A Spark SQL literal; text may hold no quote. Raises ContractError."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, date):
        return f"DATE'{value.isoformat()}'"
    if "'" in value or "\\" in value:
        raise ContractError(f"{value!r} cannot be a partition: it holds a quote")
    return f"'{value}'"


@dataclass(frozen=True, slots=True)
class Output:
    """One table that a run writes.

    `frame` has the table's columns, by name and type, and may have more: `extras` are SQL aggregates over those,
    computed in the audit's one pass and handed to `Computed.reconcile`, before the columns are dropped.
    `minimum` and `maximum` are the row counts outside of which nothing is published.
    """

    table: Table
    frame: "DataFrame"
    scope: Scope
    minimum: int = 0
    maximum: int | None = None
    extras: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Audit:
    """What the audit's pass found in a staged output: `results` of all checks, `findings` of the broken."""

    row_count: int
    content_hash: str
    sums: Mapping[str, Mapping[str, str]]
    rows: Mapping[str, int]
    hashes: Mapping[str, str]
    extras: Mapping[str, int]
    results: tuple[Result, ...] = ()
    findings: tuple[Finding, ...] = ()


Audits = Mapping[str, Audit]


def no_counts(audits: Audits) -> dict[str, int]:
    """The counts of a job whose output is all there is to say."""
    return {name: audit.row_count for name, audit in audits.items()}


@dataclass(frozen=True, slots=True)
class Computed:
    """What a job computed, lazily. `reconcile` turns audits into counts and raises DataError if these do not add up."""

    outputs: tuple[Output, ...]
    reconcile: Callable[[Audits], dict[str, int]] = no_counts


@dataclass(frozen=True, slots=True)
class Batch:
    """A job that computes tables with Spark.

    `plan` decides on parameters (JSON values) from the state of the world; a run that recomputes an earlier one
    takes that one's parameters instead. `compute` is a function of pinned inputs and parameters alone.
    `irreproducible` says why there is nothing to recompute from, where that is so.
    """

    spec: Job
    plan: Callable[["Run"], dict[str, Any]]
    compute: Callable[["Run", Mapping[str, Any]], Computed]
    irreproducible: str = ""
