"""Monte-Carlo VaR through Spark, beside one core of NumPy (the limit) and a row UDF a trial (what people write)."""

import time
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DoubleType

from bench.harness import Result, wall_s
from lakehouse.risk.monte_carlo import Simulation, fit_normal, simulate_pnl
from lakehouse.risk.var import historical_var
from lakehouse.settings import Settings
from lakehouse.stores import spark
from spark_jobs.var_batch.book import Book, Portfolio
from spark_jobs.var_batch.parameters import Parameters
from spark_jobs.var_batch.simulation import simulate

INSTRUMENTS, PORTFOLIOS = 40, 100
"""The published job of this kind has 40 equities; a scenario draws them jointly and revalues every portfolio."""
CHOSEN = Parameters(window_days=500, backtest_days=60)
PEER_TRIALS = 4_000
LIMIT_DAYS = 10
FIRST_DAY = date(2020, 1, 1)


def scenarios_a_second(session: SparkSession, book: Book) -> float:
    """The job's own simulation, all days and both confidences, by the wall clock."""
    done = (CHOSEN.backtest_days + 1) * CHOSEN.scenarios
    return done / wall_s(lambda: simulate(session, book, CHOSEN))


def limit_a_second(book: Book) -> float:
    """The same arithmetic in this process, by its CPU time: one core without Spark."""
    days = range(len(book.dates) - LIMIT_DAYS, len(book.dates))
    began = time.process_time()
    for day in days:
        model = fit_normal(book.returns[day - CHOSEN.window_days : day], book.exposures)
        pnl = simulate_pnl(model, Simulation(CHOSEN.seed, CHOSEN.scenarios, stream=day))
        for level in CHOSEN.levels:
            historical_var(pnl, confidence=level)
    return LIMIT_DAYS * CHOSEN.scenarios / (time.process_time() - began)


def row_udf_a_second(session: SparkSession, book: Book) -> float:
    """One day, a Python UDF call a trial that draws from the covariance; the quantile is left out in its favour."""
    window = book.returns[-CHOSEN.window_days :]
    mean, covariance, exposures = window.mean(axis=0), np.cov(window.T), book.exposures

    def trial(number: int) -> list[float]:
        draw = np.random.default_rng(number).multivariate_normal(mean, covariance)
        pnl: list[float] = (draw @ exposures).tolist()
        return pnl

    run = F.udf(trial, ArrayType(DoubleType()), useArrow=True)
    trials = session.range(PEER_TRIALS).repartition(2).select(run("id").alias("pnl"))
    return PEER_TRIALS / wall_s(lambda: trials.agg(F.sum(F.col("pnl")[0])).collect())


def made_up_book() -> Book:
    """Seeded normal returns on consecutive days, and exposures of either sign."""
    random = np.random.default_rng(CHOSEN.seed)
    days = CHOSEN.returns_needed
    return Book(
        portfolios=tuple(Portfolio(f"p{number}", f"portfolio {number}", "USD") for number in range(PORTFOLIOS)),
        symbols=tuple(f"S{number:02}" for number in range(INSTRUMENTS)),
        dates=tuple(FIRST_DAY + timedelta(days=number) for number in range(days)),
        returns=random.normal(0, 0.01, (days, INSTRUMENTS)),
        exposures=random.normal(0, 10_000, (INSTRUMENTS, PORTFOLIOS)),
        values=(Decimal(0),) * PORTFOLIOS,
        dropped=0,
    )


def run(settings: Settings) -> list[Result]:
    """Scenarios a second; a scenario draws all instruments jointly and revalues every portfolio."""
    book = made_up_book()
    session = spark.connect(settings.spark)
    try:
        limit = limit_a_second(book)
        ours = scenarios_a_second(session, book)
        peers = {"row UDF a trial": row_udf_a_second(session, book)}
    finally:
        session.stop()
    notes = (
        f"{INSTRUMENTS} instruments, {PORTFOLIOS} portfolios, {CHOSEN.backtest_days + 1} days of {CHOSEN.scenarios} "
        "scenarios with VaR at two confidences, through Spark Connect; limit: one core of NumPy, by CPU time"
    )
    return [Result("var", "scenarios/s", ours, peers, limit, notes=notes)]
