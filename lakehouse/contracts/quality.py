"""What each table's content promises beyond its columns: typed checks, graded, compiled elsewhere to one aggregation.

Every table has the checks that its contract implies (`implied`); `STATED` adds those that name what its numbers mean.
A broken `fail` keeps the whole output from being published; a broken `warn` is recorded and published. Texts inside
checks are SQL over the table's columns in the dialect that Spark and ClickHouse share, written here and by no user.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from lakehouse.contracts.model import Table, Type
from lakehouse.contracts.tables import gold, rebalancing, risk, silver, strategy_backtests, stress


class Grade(StrEnum):
    """What a broken check does: keep the output from being published, or only be recorded."""

    FAIL = "fail"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class NotNull:
    """`column` has a value in every row that `where` (SQL) chooses."""

    column: str
    where: str = "true"
    grade: Grade = Grade.FAIL

    @property
    def name(self) -> str:
        chosen = "" if self.where == "true" else f" where {self.where}"
        return f"{self.column} IS NOT NULL{chosen}"


@dataclass(frozen=True, slots=True)
class Finite:
    """`column` holds no NaN and no infinity."""

    column: str
    grade: Grade = Grade.FAIL

    @property
    def name(self) -> str:
        return f"{self.column} is finite"


@dataclass(frozen=True, slots=True)
class Satisfies:
    """Every row satisfies the SQL predicate; one that is null for a row does not hold."""

    predicate: str
    grade: Grade = Grade.FAIL

    @property
    def name(self) -> str:
        return self.predicate


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """No two rows have the same values in `columns`."""

    columns: tuple[str, ...]
    grade: Grade = Grade.FAIL

    @property
    def name(self) -> str:
        return f"({', '.join(self.columns)}) is unique"


@dataclass(frozen=True, slots=True)
class Range:
    """Values of `column` lie between `low` and `high`, both included; an absent value is no violation."""

    column: str
    low: float
    high: float
    grade: Grade = Grade.FAIL

    @property
    def name(self) -> str:
        return f"{self.column} within {self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True)
class Monotone:
    """Within `by`, in the order of `along`, values of `column` never go back."""

    column: str
    along: str
    by: tuple[str, ...]
    grade: Grade = Grade.FAIL

    @property
    def name(self) -> str:
        return f"{self.column} never goes back along {self.along} by {', '.join(self.by)}"


@dataclass(frozen=True, slots=True)
class _WithinDays:
    """What is asked of the dates in `column` of each `by`, in calendar days."""

    column: str
    by: tuple[str, ...]
    max_days: int
    grade: Grade = Grade.WARN


@dataclass(frozen=True, slots=True)
class Gap(_WithinDays):
    """Within `by`, consecutive dates in `column` are at most `max_days` apart."""

    @property
    def name(self) -> str:
        return f"{self.column} has no gap over {self.max_days} days by {', '.join(self.by)}"


@dataclass(frozen=True, slots=True)
class Staleness(_WithinDays):
    """The newest date in `column` of each `by` is at most `max_days` before the business date. One violation each."""

    @property
    def name(self) -> str:
        return f"{self.column} is no older than {self.max_days} days by {', '.join(self.by)}"


@dataclass(frozen=True, slots=True)
class Jump:
    """Within `by`, values of `column` are within `scales` robust deviations (median absolute deviation times 1.4826,
    `floor` at least) of their median."""

    column: str
    by: tuple[str, ...]
    scales: float
    floor: float
    grade: Grade = Grade.WARN

    @property
    def name(self) -> str:
        return f"{self.column} within {self.scales:g} robust deviations by {', '.join(self.by)}"


@dataclass(frozen=True, slots=True)
class WeightsSum:
    """Within `by`, values of `value` (a column, or SQL over the row) add up to `total`, but for `tolerance`. One that
    does not counts whole."""

    value: str
    by: tuple[str, ...]
    total: float = 1.0
    tolerance: float = 1e-6
    grade: Grade = Grade.FAIL

    @property
    def name(self) -> str:
        return f"sum of {self.value} by {', '.join(self.by)} is {self.total:g}"


@dataclass(frozen=True, slots=True)
class Referential:
    """Every value of `column` is one of `other_column` in `table`, at that table's newest version; without the table,
    none is."""

    column: str
    table: str
    other_column: str
    grade: Grade = Grade.WARN

    @property
    def name(self) -> str:
        return f"{self.column} is in {self.table}.{self.other_column}"


@dataclass(frozen=True, slots=True)
class Explained:
    """`total` is the sum of `parts` within `tolerance`, row by row: a profit explained leaves no more than that."""

    total: str
    parts: tuple[str, ...]
    tolerance: float
    grade: Grade = Grade.WARN

    @property
    def name(self) -> str:
        return f"{self.total} is explained by {' + '.join(self.parts)} within {self.tolerance:g}"


@dataclass(frozen=True, slots=True)
class RowCountBand:
    """Each partition has between `low` and `high` times the rows of its last publication, or, for a new partition, of
    the newest one before it. Partitions with fewer than `minimum` rows then are not judged."""

    low: float
    high: float
    minimum: int = 20
    grade: Grade = Grade.WARN

    @property
    def name(self) -> str:
        return f"rows within {self.low:g} to {self.high:g} times those before"


@dataclass(frozen=True, slots=True)
class SchemaHash:
    """The table that is published to has exactly the contract's columns and types, in their order."""

    grade: Grade = Grade.FAIL

    @property
    def name(self) -> str:
        return "schema is the contract's"


OfRows = NotNull | Finite | Satisfies | Range | Monotone | Gap | Staleness | Jump | WeightsSum | Referential | Explained
"""Checks that each row keeps or breaks."""
Check = OfRows | UniqueKey | RowCountBand | SchemaHash


def implied(table: Table) -> tuple[Check, ...]:
    """The checks that the contract of `table` implies; all of grade `fail`."""
    return (
        SchemaHash(),
        *(NotNull(column.name) for column in table.columns if not column.nullable),
        *(Finite(column.name) for column in table.columns if column.type is Type.FLOAT64),
        *(Satisfies(predicate) for predicate in table.checks),
        UniqueKey(table.key),
    )


def checks_of(table: Table) -> tuple[Check, ...]:
    """Every check of `table`: those implied by its contract, then those stated."""
    return (*implied(table), *STATED.get(table.name, ()))


OHLCV = "kind = 'ohlcv'"
RISK_ROWS = RowCountBand(0.5, 2.0)
"""Of tables that grow with the number of portfolios: half of them gone, or twice as many, is worth a look."""
PROBABILITY = (0.0, 1.0)
YEARLY_VOLATILITY = (0.0, 5.0)
"""Beyond 500 % a year a price was wrong."""


def _same_in_every_grouping(column: str) -> WeightsSum:
    """Instruments, sectors and currencies are three cuts of one portfolio: `column` adds up to the same in each."""
    by = tuple(name for name in risk.COMPONENT_RISK.key if name not in ("grouping", "group_name"))
    return WeightsSum(f"{column} * CASE grouping WHEN 'instrument' THEN 2 ELSE -1 END", by, 0.0, 0.005)


STATED: Mapping[str, tuple[Check, ...]] = {
    silver.DAILY_BARS.name: (
        NotNull("open", OHLCV, Grade.WARN),
        NotNull("high", OHLCV, Grade.WARN),
        NotNull("low", OHLCV, Grade.WARN),
        Range("volume", 1, 1e12, Grade.WARN),
        Satisfies("high IS NULL OR low IS NULL OR close BETWEEN low AND high", Grade.WARN),
        # A weekend with a holiday is 4 days; the longest closure since 2001 was 5 (October 2012).
        Gap("business_date", ("symbol",), 5),
        Staleness("business_date", ("symbol",), 7),
        RowCountBand(0.9, 3.0),
    ),
    silver.TICKS.name: (
        Range("price", 1e-9, 1e9, Grade.WARN),
        Satisfies("bid_price IS NULL OR ask_price IS NULL OR ask_price >= bid_price", Grade.WARN),
        RowCountBand(0.2, 20.0),
    ),
    silver.POSITIONS.name: (
        Referential("symbol", silver.DAILY_BARS.name, "symbol"),
        RowCountBand(0.5, 2.0),
    ),
    gold.BARS_1M.name: (
        Range("vwap", 1e-9, 1e9),
        Satisfies("open BETWEEN low AND high AND close BETWEEN low AND high"),
        RowCountBand(0.2, 20.0),
    ),
    gold.RETURNS_DAILY.name: (
        Monotone("previous_date", "business_date", ("symbol",)),
        Jump("log_return", ("symbol",), scales=25.0, floor=0.005),
        Referential("symbol", silver.DAILY_BARS.name, "symbol", Grade.FAIL),
        RowCountBand(0.9, 3.0),
    ),
    gold.PORTFOLIO_RISK.name: (RISK_ROWS,),
    gold.VAR_BACKTEST.name: (RISK_ROWS,),
    risk.COMPONENT_RISK.name: (
        _same_in_every_grouping("exposure_base"),
        _same_in_every_grouping("component_var_base"),
        _same_in_every_grouping("component_es_base"),
        RISK_ROWS,
    ),
    risk.BACKTEST_TESTS.name: (
        # Christoffersen (1998), 3.3.
        Explained("coverage_statistic", ("pof_statistic", "independence_statistic"), 1e-6, Grade.FAIL),
        *(Range(f"{name}_p_value", *PROBABILITY) for name in ("pof", "tuff", "independence", "coverage", "z1", "z2")),
        Range("cumulative_probability", *PROBABILITY),
        RISK_ROWS,
    ),
    risk.SCENARIO_PNL.name: (RISK_ROWS,),
    risk.WORST_SCENARIOS.name: (RISK_ROWS,),
    # The expansion leaves out what lies outside its domain; what another method leaves out, somebody can mend.
    risk.UNMEASURED.name: (Satisfies("method = 'cornish_fisher'", Grade.WARN),),
    risk.PORTFOLIO_METRICS.name: (Range("volatility", *YEARLY_VOLATILITY, Grade.WARN), RISK_ROWS),
    stress.STRESS.name: (RISK_ROWS,),
    stress.PNL_EXPLAIN.name: (
        # The parts always sum: worth a look is a gain that transactions do not explain, or nobody could measure.
        Explained("total_base", tuple(f"{part}_base" for part in stress.PARTS if part != "unexplained"), 0.005),
        RISK_ROWS,
    ),
    # No band of rows: how many portfolios are due differs from day to day.
    rebalancing.PROPOSALS.name: (
        Range("volatility_before", *YEARLY_VOLATILITY, Grade.WARN),
        Range("volatility_after", *YEARLY_VOLATILITY, Grade.WARN),
    ),
    rebalancing.TRADES.name: (Referential("symbol", silver.DAILY_BARS.name, "symbol"),),
    strategy_backtests.STRATEGY_RUNS.name: (
        Range("probabilistic_sharpe", *PROBABILITY),
        Range("deflated_sharpe", *PROBABILITY),
        Range("overfitting", *PROBABILITY),
        RowCountBand(0.5, 2.0, minimum=1),
    ),
    strategy_backtests.STRATEGY_EQUITY.name: (
        # Beyond 1 leverage has lost more than there was.
        Range("drawdown", 0.0, 1.0, Grade.WARN),
        Gap("equity_date", ("strategy", "kind", "trial"), 5),
        RowCountBand(0.5, 2.0),
    ),
    strategy_backtests.STRATEGY_RELATIVE.name: (
        Range("tracking_error", *YEARLY_VOLATILITY, Grade.WARN),
        RowCountBand(0.5, 2.0, minimum=1),
    ),
}
