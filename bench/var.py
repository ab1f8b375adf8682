"""VaR, ES and components of 10,000 portfolios on 250 dates, through Spark, beside NumPy and a row UDF a trial."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from pyspark.sql import SparkSession, functions as F
from pyspark.sql.types import ArrayType, DoubleType
from threadpoolctl import threadpool_limits

from bench.harness import Result
from lakehouse.clock import SystemClock
from lakehouse.errors import TidemarkError
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.cube import Groups, exposures_on_grid, measure, normal_scenarios
from lakehouse.risk.methods import Method
from lakehouse.risk.var_backtest import rolling_var
from lakehouse.settings import Settings
from lakehouse.stores import spark
from spark_jobs.kit.holdings import Portfolio
from spark_jobs.var_batch.book import Book
from spark_jobs.var_batch.parameters import Parameters
from spark_jobs.var_batch.simulation import forecast

INSTRUMENTS, PORTFOLIOS, SECTORS = 500, 10_000, 11
CHOSEN = Parameters(window_days=250, backtest_days=250, confidences=("0.99",), scenarios=1_000, block_rows=1_000)
LIMIT_DAYS = 3
"""Days that each core of the limit measures; all days cost the same."""
PEER_PORTFOLIOS = 1_000
ROLLING_PORTFOLIOS, ROLLING_DAYS = 1_000, 1_008
ROLLING_GOAL_S = 3.0
FIRST_DAY = date(2020, 1, 1)
CLOCK = SystemClock()


class UnequalError(TidemarkError):
    """Two ways of computing one number disagree: the comparison would mean nothing."""


def portfolio_dates_a_second(session: SparkSession, book: Book) -> float:
    """The job's own forecasts, by the wall clock, of all portfolios on all dates, with components."""
    forecast(session, made_up_book(10), CHOSEN, groups=sectors(), partitions=2)  # workers started, kernels compiled
    began = CLOCK.monotonic()
    forecast(session, book, CHOSEN, groups=sectors())
    return PORTFOLIOS * CHOSEN.backtest_days / (CLOCK.monotonic() - began)


@dataclass(frozen=True, slots=True)
class Limit:
    """Portfolio-dates a second of NumPy on `cores` processes: the whole arithmetic, and its matrix product alone."""

    cores: int
    arithmetic: float
    product: float


def limit(cores: int) -> Limit:
    """The same arrays and measures in bare NumPy, a process a core, without Spark and without exactness."""
    with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as pool:
        seconds = list(pool.map(_bare, range(cores)))
    whole, product = (max(found[part] for found in seconds) for part in (0, 1))
    done = cores * LIMIT_DAYS * PORTFOLIOS
    return Limit(cores, done / whole, done / product)


def row_udf_a_second(session: SparkSession, book: Book) -> float:
    """One date as public notebooks do it: a Python UDF a trial, its P&L exploded to rows, a quantile of each group.

    The trials are drawn beforehand, in its favour. Raises UnequalError where its VaR is not ours.
    """
    window = book.returns[-CHOSEN.window_days :]
    scenarios = normal_scenarios(window, CHOSEN.simulation(book.labels.window(-CHOSEN.window_days, len(book.dates))))
    held = exposures_on_grid(book.exposures.T[:PEER_PORTFOLIOS])
    (ours,) = measure(scenarios, held, CHOSEN.levels)
    moves, exposures = scenarios.units * scenarios.unit, (held.units * held.unit[:, None]).T.copy()

    def trial(number: int) -> list[float]:
        pnl: list[float] = (moves[number] @ exposures).tolist()
        return pnl

    run = F.udf(trial, ArrayType(DoubleType()), useArrow=True)
    rows = session.range(CHOSEN.scenarios).repartition(2).select(F.posexplode(run("id")).alias("portfolio", "pnl"))
    tail = CHOSEN.scenarios - int(CHOSEN.scenarios * CHOSEN.levels[0])
    quantile = rows.groupBy("portfolio").agg((-F.sort_array(F.collect_list("pnl"))[tail]).alias("var"))
    began = CLOCK.monotonic()
    found = quantile.orderBy("portfolio").toArrow()["var"].to_numpy()
    taken = CLOCK.monotonic() - began
    if not np.allclose(found, ours.var, rtol=1e-9):
        raise UnequalError(f"the row UDFs' VaR differs from ours by up to {np.abs(found - ours.var).max()}")
    return PEER_PORTFOLIOS / taken


def rolling_s() -> float:
    """Seconds of compute of a rolling 250-day historical VaR at 99 % for a million portfolio-days, returns included."""
    random = np.random.default_rng(CHOSEN.seed)
    returns = random.normal(0, 0.01, (ROLLING_DAYS + 250, INSTRUMENTS))
    exposures = random.normal(0, 10_000, (INSTRUMENTS, ROLLING_PORTFOLIOS))
    began = CLOCK.monotonic()
    rolling_var(Method.HISTORICAL, returns @ exposures, confidence=0.99, window=250, backtest_days=ROLLING_DAYS)
    return CLOCK.monotonic() - began


def sectors() -> Groups:
    """The instruments dealt to eleven sectors."""
    return Groups(tuple(f"sector {number}" for number in range(SECTORS)), np.arange(INSTRUMENTS) % SECTORS)


def made_up_book(
    portfolios: int = PORTFOLIOS, instruments: int = INSTRUMENTS, days: int = CHOSEN.returns_needed
) -> Book:
    """Seeded normal returns on consecutive days, and exposures of either sign."""
    random = np.random.default_rng(CHOSEN.seed)
    return Book(
        portfolios=tuple(Portfolio(f"p{number}", f"portfolio {number}", "USD") for number in range(portfolios)),
        symbols=tuple(f"S{number:04}" for number in range(instruments)),
        dates=tuple(FIRST_DAY + timedelta(days=number) for number in range(days)),
        returns=random.normal(0, 0.01, (days, instruments)),
        exposures=random.normal(0, 10_000, (instruments, portfolios)),
        values=(Decimal(0),) * portfolios,
        dropped=0,
    )


def run(settings: Settings) -> list[Result]:
    """The cube, and the rolling historical VaR."""
    book = made_up_book()
    session = spark.connect(settings.spark)
    try:
        peers = {"row UDF a trial": row_udf_a_second(session, book)}
        ours = portfolio_dates_a_second(session, book)
    finally:
        session.stop()
    bare = limit(len(os.sched_getaffinity(0)))
    peers["matrix product alone"] = bare.product
    notes = (
        f"{PORTFOLIOS} portfolios x {INSTRUMENTS} instruments x {CHOSEN.scenarios} scenarios x {CHOSEN.backtest_days} "
        f"dates: VaR, ES and components of both by {SECTORS} sectors, through Spark Connect; limit: the same in NumPy "
        f"on {bare.cores} cores; goal: at most 1.5 times the limit's time"
    )
    rolling = Result(
        "var_rolling",
        "s per 1.0 M portfolio-days",
        rolling_s(),
        goal=ROLLING_GOAL_S,
        lower_is_better=True,
        notes="historical VaR at 99 % over 250 days, one core",
    )
    cube = Result("var", "portfolio-dates/s", ours, peers, bare.arithmetic, goal=bare.arithmetic / 1.5, notes=notes)
    return [cube, rolling]


def _bare(core: int) -> tuple[float, float]:
    """Seconds of LIMIT_DAYS days: all of it, and the matrix product. Runs in a process of its own, one thread each as
    Spark's workers have."""
    threadpool_limits(1, user_api="blas")
    book, sector = made_up_book(), np.eye(SECTORS)[np.arange(INSTRUMENTS) % SECTORS]
    exposures = np.ascontiguousarray(book.exposures.T)
    random = np.random.default_rng(core)
    whole = product = 0.0
    for _ in range(LIMIT_DAYS):
        began = CLOCK.monotonic()
        window = book.returns[-CHOSEN.window_days :]
        centred = (window - window.mean(axis=0)) / np.sqrt(CHOSEN.window_days - 1)
        moves = random.standard_normal((CHOSEN.scenarios, CHOSEN.window_days)) @ centred
        multiplied = CLOCK.monotonic()
        pnl = exposures @ moves.T
        product += CLOCK.monotonic() - multiplied
        _tail(pnl, moves, exposures, sector)
        whole += CLOCK.monotonic() - began
    return whole, product


def _tail(pnl: FloatArray, moves: FloatArray, exposures: FloatArray, sector: FloatArray) -> list[FloatArray]:
    worst = int(CHOSEN.scenarios * (1 - CHOSEN.levels[0]))
    order = np.argpartition(pnl, worst, axis=1)[:, : worst + 1]
    tail = np.take_along_axis(pnl, order, axis=1)
    var = -tail[:, worst]
    component_var = -(exposures * moves[order[:, worst]]) @ sector
    mean_move = sum(moves[order[:, place]] for place in range(worst)) / worst
    component_es = -(exposures * mean_move) @ sector
    return [var, -tail[:, :worst].mean(axis=1), component_var, component_es]
