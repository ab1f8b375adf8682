"""Every configured strategy over the history of silver's bars, with all its trials: small work, done inline.

Spark reads, stages and publishes; the backtests are NumPy and numba in this process.
"""

from collections.abc import Mapping
from typing import Any

from lakehouse.backtest.market import BacktestError
from lakehouse.contracts.jobs import STRATEGY_BACKTESTS
from lakehouse.contracts.tables.silver import DAILY_BARS
from lakehouse.contracts.tables.strategy_backtests import (
    STRATEGY_EQUITY,
    STRATEGY_RELATIVE,
    STRATEGY_RUNS,
    STRATEGY_TRADES,
)
from lakehouse.risk.checks import RiskError
from spark_jobs.kit.errors import DataError
from spark_jobs.kit.frames import from_arrow
from spark_jobs.kit.model import Batch, Computed, Output, partitions
from spark_jobs.kit.run import Run
from spark_jobs.returns_daily.actions import active
from spark_jobs.strategy_backtests import transforms
from spark_jobs.strategy_backtests.parameters import BENCHMARK, Parameters, parse
from spark_jobs.strategy_backtests.rows import equity_rows, relative_rows, run_rows, trade_rows
from spark_jobs.strategy_backtests.study import Outcome, study


class UntestableError(DataError):
    """The backtests refused the bars, or found a strategy that looks ahead."""


def plan(run: Run) -> dict[str, Any]:
    """The standard grids, and the corporate actions that hold; what else decides is pinned with the inputs."""
    return Parameters(actions=active(run.settings.postgres)).document()


def compute(run: Run, parameters: Mapping[str, Any]) -> Computed:
    """All outcomes as of the business date. The whole of the day's partitions is replaced."""
    chosen = parse(parameters)
    try:
        outcomes = _outcomes(run, chosen)
    except (BacktestError, RiskError) as error:
        raise UntestableError(f"strategies as of {run.business_date} cannot be tested: {error}") from error
    day = (run.business_date,)
    made = (
        (STRATEGY_RUNS, run_rows(outcomes, run.business_date, run.run_id)),
        (STRATEGY_EQUITY, equity_rows(outcomes, run.business_date, run.run_id)),
        (STRATEGY_TRADES, trade_rows(outcomes, run.business_date, run.run_id)),
        (STRATEGY_RELATIVE, relative_rows(outcomes, BENCHMARK, run.business_date, run.run_id)),
    )
    return Computed(
        tuple(
            Output(
                table,
                from_arrow(run.session, rows).select(*table.column_names),
                partitions(table, day),
                minimum=rows.num_rows,
                maximum=rows.num_rows,
            )
            for table, rows in made
        )
    )


def _outcomes(run: Run, chosen: Parameters) -> tuple[Outcome, ...]:
    found = transforms.bars(run.read(DAILY_BARS), run, years=chosen.years, currency=chosen.currency).toArrow()
    market = transforms.market(found, chosen)
    return tuple(outcome for name in chosen.grids for outcome in study(market, name, chosen))


JOB = Batch(STRATEGY_BACKTESTS, plan, compute)
