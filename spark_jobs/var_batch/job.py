"""VaR and expected shortfall of every portfolio by every method, with their backtest."""

from collections.abc import Mapping
from typing import Any

from lakehouse.contracts.jobs import VAR_BATCH
from lakehouse.contracts.tables.gold import PORTFOLIO_RISK, RETURNS_DAILY, VAR_BACKTEST
from lakehouse.contracts.tables.silver import POSITIONS
from lakehouse.risk.checks import RiskError
from spark_jobs.kit.errors import DataError
from spark_jobs.kit.frames import from_arrow
from spark_jobs.kit.model import Batch, Computed, Output, partitions
from spark_jobs.kit.run import Run
from spark_jobs.var_batch import transforms
from spark_jobs.var_batch.book import Book, assemble, held_symbols
from spark_jobs.var_batch.measure import measure
from spark_jobs.var_batch.parameters import Parameters, parse
from spark_jobs.var_batch.rows import backtest_rows, risk_rows
from spark_jobs.var_batch.simulation import simulate


class UnmeasurableError(DataError):
    """The risk library refused the book."""


def plan(_: Run) -> dict[str, Any]:
    """The standard parameters; what else decides on the result is pinned with the inputs."""
    return Parameters().document()


def compute(run: Run, parameters: Mapping[str, Any]) -> Computed:
    """The risk of the business date and its backtest. The whole of the day's partitions is replaced."""
    chosen = parse(parameters)
    book = _book(run, chosen)
    try:
        measured = tuple(measure(book, simulate(run.session, book, chosen), chosen))
    except RiskError as error:
        raise UnmeasurableError(f"risk as of {run.business_date} cannot be measured: {error}") from error
    day = (run.business_date,)
    risk = risk_rows(book, measured, run.business_date, run.run_id)
    backtest = backtest_rows(book, measured, run.business_date, run.run_id)
    return Computed(
        tuple(
            Output(
                table,
                from_arrow(run.session, rows).select(*table.column_names),
                partitions(table, day),
                minimum=rows.num_rows,
                maximum=rows.num_rows,
            )
            for table, rows in ((PORTFOLIO_RISK, risk), (VAR_BACKTEST, backtest))
        )
    )


def _book(run: Run, chosen: Parameters) -> Book:
    holdings = transforms.holdings(run.read(POSITIONS), run.business_date).toArrow()
    symbols = held_symbols(holdings, run.business_date)
    first_year = run.business_date.year - chosen.years_needed
    closes = transforms.closes(run.read(RETURNS_DAILY), symbols, first_year, run.business_date).toArrow()
    try:
        return assemble(holdings, closes, run.business_date, chosen.returns_needed)
    except RiskError as error:
        raise UnmeasurableError(f"closes up to {run.business_date} cannot be used: {error}") from error


JOB = Batch(VAR_BATCH, plan, compute)
