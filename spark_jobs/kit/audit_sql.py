"""Typed checks as Spark SQL: helper columns in layers, then one predicate that is true for a bad row and never null."""

from dataclasses import dataclass
from datetime import date
from functools import singledispatch

from pyspark.sql import DataFrame

from lakehouse.contracts import quality
from lakehouse.contracts.quality import OfRows

NORMAL_CONSISTENT = 1.4826


@dataclass(frozen=True, slots=True)
class Compiled:
    """A check of rows as SQL. `layers` are helper columns (name, expression), each a step that may use those before
    it; `refers` is the helper that a join adds: 1 where the value exists in the other table."""

    check: OfRows
    violation: str
    layers: tuple[tuple[str, str], ...] = ()
    refers: str = ""


def compiled(check: OfRows, position: int, business_date: date) -> Compiled:
    """`check` as SQL; its helper columns carry `position`, so that those of several checks do not meet."""
    return _sql(check, f"_q{position}", business_date)


def with_helpers(staged: DataFrame, checks: tuple[Compiled, ...], references: dict[str, DataFrame]) -> DataFrame:
    """`staged` with every helper column of `checks`. `references` holds, by helper, the known values in one column."""
    frame = staged
    for check in checks:
        if check.refers:
            frame = frame.join(references[check.refers], on=_column_of(check), how="left")
        for name, expression in check.layers:
            frame = frame.selectExpr("*", f"{expression} AS `{name}`")
    return frame


def _column_of(check: Compiled) -> str:
    return check.check.column if isinstance(check.check, quality.Referential) else ""


@singledispatch
def _sql(check: OfRows, helper: str, today: date) -> Compiled:
    raise TypeError(f"{type(check).__name__} has no SQL form")


@_sql.register
def _(check: quality.NotNull, helper: str, today: date) -> Compiled:
    absent = f"`{check.column}` IS NULL"
    return Compiled(check, absent if check.where == "true" else f"coalesce({check.where}, false) AND {absent}")


@_sql.register
def _(check: quality.Finite, helper: str, today: date) -> Compiled:
    column = f"`{check.column}`"
    return Compiled(check, f"coalesce(isnan({column}) OR abs({column}) = double('inf'), false)")


@_sql.register
def _(check: quality.Satisfies, helper: str, today: date) -> Compiled:
    return Compiled(check, f"NOT coalesce({check.predicate}, false)")


@_sql.register
def _(check: quality.Range, helper: str, today: date) -> Compiled:
    return Compiled(check, f"NOT coalesce(`{check.column}` BETWEEN {check.low!r}D AND {check.high!r}D, true)")


@_sql.register
def _(check: quality.Monotone, helper: str, today: date) -> Compiled:
    before = f"lag(`{check.column}`) OVER ({_window(check.by, check.along)})"
    return Compiled(check, f"coalesce(`{check.column}` < `{helper}`, false)", ((helper, before),))


@_sql.register
def _(check: quality.Gap, helper: str, today: date) -> Compiled:
    before = f"lag(`{check.column}`) OVER ({_window(check.by, check.column)})"
    violation = f"coalesce(datediff(`{check.column}`, `{helper}`) > {check.max_days}, false)"
    return Compiled(check, violation, ((helper, before),))


@_sql.register
def _(check: quality.Staleness, helper: str, today: date) -> Compiled:
    newest = f"max(`{check.column}`) OVER ({_window(check.by)})"
    # Of several rows with that date only one counts: a violation is a group.
    order = f"row_number() OVER ({_window(check.by, check.column)} DESC)"
    old = f"datediff(DATE'{today.isoformat()}', `{helper}`) > {check.max_days}"
    return Compiled(check, f"`{helper}_at` = 1 AND {old}", ((helper, newest), (f"{helper}_at", order)))


@_sql.register
def _(check: quality.Jump, helper: str, today: date) -> Compiled:
    window = _window(check.by)
    middle, scale = f"{helper}_middle", f"{helper}_scale"
    layers = (
        (middle, f"median(`{check.column}`) OVER ({window})"),
        (scale, f"{NORMAL_CONSISTENT}D * median(abs(`{check.column}` - `{middle}`)) OVER ({window})"),
    )
    band = f"{check.scales!r}D * greatest(`{scale}`, {check.floor!r}D)"
    return Compiled(check, f"coalesce(abs(`{check.column}` - `{middle}`) > {band}, false)", layers)


@_sql.register
def _(check: quality.WeightsSum, helper: str, today: date) -> Compiled:
    total = f"sum({check.value}) OVER ({_window(check.by)})"
    violation = f"NOT coalesce(abs(`{helper}` - {check.total!r}D) <= {check.tolerance!r}D, false)"
    return Compiled(check, violation, ((helper, total),))


@_sql.register
def _(check: quality.Referential, helper: str, today: date) -> Compiled:
    return Compiled(check, f"`{check.column}` IS NOT NULL AND `{helper}` IS NULL", refers=helper)


@_sql.register
def _(check: quality.Explained, helper: str, today: date) -> Compiled:
    parts = " + ".join(f"`{part}`" for part in check.parts)
    rest = f"abs(`{check.total}` - ({parts}))"
    return Compiled(check, f"NOT coalesce({rest} <= {check.tolerance!r}D, false)")


def _window(by: tuple[str, ...], order: str = "") -> str:
    spread = ", ".join(f"`{name}`" for name in by)
    return f"PARTITION BY {spread}" + (f" ORDER BY `{order}`" if order else "")
