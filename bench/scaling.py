"""How the risk job's time grows: with portfolios, instruments, scenarios and tasks; and where Spark begins to pay."""

from dataclasses import dataclass, replace

import numpy as np
from pyspark.sql import SparkSession

from bench.harness import Result
from bench.var import CHOSEN, CLOCK, made_up_book
from lakehouse.settings import Settings
from lakehouse.stores import spark
from spark_jobs.var_batch.book import Book
from spark_jobs.var_batch.parameters import Parameters
from spark_jobs.var_batch.pnl_forecasts import pnl_forecasts
from spark_jobs.var_batch.simulation import forecast


@dataclass(frozen=True, slots=True)
class Size:
    """One point of the grid: what a day's product multiplies, and how many days."""

    portfolios: int
    instruments: int
    scenarios: int
    days: int = 16

    @property
    def products(self) -> int:
        """Multiply-adds of all days."""
        return self.portfolios * self.instruments * self.scenarios * self.days

    @property
    def parameters(self) -> Parameters:
        """The job's parameters at this size."""
        return replace(CHOSEN, backtest_days=self.days, scenarios=self.scenarios, block_rows=self.scenarios)

    def book(self) -> Book:
        """Seeded returns and exposures."""
        return made_up_book(self.portfolios, self.instruments, self.parameters.returns_needed)


MIDDLE = Size(4_000, 500, 1_000)
FITTED = (25, 50, 100, 200)
"""Portfolios whose models are fitted."""
GRID = (
    Size(40, 50, 1_000),
    Size(400, 500, 1_000),
    Size(1_000, 500, 1_000),
    replace(MIDDLE, portfolios=2_000),
    MIDDLE,
    replace(MIDDLE, portfolios=8_000),
    replace(MIDDLE, instruments=250),
    replace(MIDDLE, instruments=1_000),
    replace(MIDDLE, scenarios=500),
    replace(MIDDLE, scenarios=2_000),
)


def run(settings: Settings) -> list[Result]:
    """Seconds of each size in two tasks, beside one task and this process without Spark."""
    session = spark.connect(settings.spark)
    try:
        _taken(session, GRID[0], 2)  # workers started, kernels compiled
        drawn = [_measured(session, size) for size in GRID]
        return drawn + [_fitted(session, portfolios) for portfolios in FITTED]
    finally:
        session.stop()


def _measured(session: SparkSession, size: Size) -> Result:
    one, inline = _taken(session, size, 1), _taken(None, size, None)
    return Result(
        f"scaling_{size.portfolios}x{size.instruments}x{size.scenarios}",
        f"s for {size.days} dates",
        _taken(session, size, 2),
        {"one task": one, "this process": inline},
        lower_is_better=True,
        notes=f"{size.products / 1e9:.1f} thousand million multiply-adds, VaR and ES at 99 %",
    )


def _fitted(session: SparkSession, portfolios: int) -> Result:
    """The forecasts that a portfolio's own P&L is enough for, GARCH and Student t among them."""
    chosen = Parameters()
    pnl = np.random.default_rng(2).standard_t(5, (chosen.returns_needed, portfolios))

    def taken(session: SparkSession | None, tasks: int | None) -> float:
        began = CLOCK.monotonic()
        pnl_forecasts(session, pnl, chosen, partitions=tasks)
        return CLOCK.monotonic() - began

    return Result(
        f"scaling_fitted_{portfolios}",
        f"s for {chosen.backtest_days} dates",
        taken(session, 2),
        {"this process": taken(None, None)},
        lower_is_better=True,
        notes=f"{portfolios} portfolios, six methods from P&L at three confidences",
    )


def _taken(session: SparkSession | None, size: Size, tasks: int | None) -> float:
    book = size.book()
    began = CLOCK.monotonic()
    forecast(session, book, size.parameters, partitions=tasks)
    return CLOCK.monotonic() - began
