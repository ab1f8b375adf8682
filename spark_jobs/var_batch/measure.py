"""Everything that a run publishes of a book, as tables of the contracts. Pure but for the workers that may help."""

from datetime import date

import pyarrow as pa
from pyspark.sql import SparkSession

from lakehouse.contracts.model import Table
from lakehouse.contracts.tables.gold import PORTFOLIO_RISK, VAR_BACKTEST
from lakehouse.contracts.tables.risk import (
    BACKTEST_TESTS,
    COMPONENT_RISK,
    PORTFOLIO_METRICS,
    SCENARIO_PNL,
    UNMEASURED,
    WORST_SCENARIOS,
)
from lakehouse.risk.linear import portfolio_pnl
from spark_jobs.var_batch.book import Book
from spark_jobs.var_batch.components import component_table
from spark_jobs.var_batch.estimates import estimates, market
from spark_jobs.var_batch.metrics import Beside, metric_rows
from spark_jobs.var_batch.parameters import Parameters
from spark_jobs.var_batch.pnl_forecasts import pnl_forecasts
from spark_jobs.var_batch.records import records
from spark_jobs.var_batch.rows import backtest_rows, risk_rows, table_of, unmeasured_rows
from spark_jobs.var_batch.simulation import forecast
from spark_jobs.var_batch.vectors import vector_rows, worst_rows
from spark_jobs.var_batch.verdicts import verdicts


def measured(
    session: SparkSession | None, book: Book, beside: Beside, parameters: Parameters, day: date, run_id: str
) -> tuple[tuple[Table, pa.Table], ...]:
    """Every output with its rows. Large work goes to the workers of `session`. Raises what the library refuses."""
    pnl = portfolio_pnl(book.returns, book.exposures)
    today = market(book, pnl, parameters)
    found = tuple(estimates(today, parameters))
    own = pnl_forecasts(session, pnl, parameters)
    past = records(book, pnl, own, forecast(session, book, parameters), parameters)
    rows = (
        (BACKTEST_TESTS, verdicts(book, past, parameters)),
        (SCENARIO_PNL, vector_rows(today)),
        (WORST_SCENARIOS, worst_rows(today, parameters)),
        (PORTFOLIO_METRICS, metric_rows(book, today.pnl, beside, parameters)),
    )
    return (
        (PORTFOLIO_RISK, risk_rows(book, found, past, day, run_id)),
        (UNMEASURED, unmeasured_rows(book, found, day, run_id)),
        (VAR_BACKTEST, backtest_rows(book, past, day, run_id)),
        (COMPONENT_RISK, component_table(today, found, parameters, day, run_id)),
        *((table, table_of(table, made, day, run_id)) for table, made in rows),
    )
