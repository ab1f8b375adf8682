"""Monte-Carlo of all portfolios on all days: the newest one's scenarios, and a forecast for every day of the backtest.

Small work is done in this process; large work goes to Spark's workers a day of a slab of portfolios at a time. The
same function does both, and every number follows from seed, day and holdings alone: the bytes are the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import SparkSession

from lakehouse.risk.checks import FloatArray
from lakehouse.risk.cube import Exposures, Scenarios, exposures_on_grid, measure, normal_scenarios, scenario_pnl
from lakehouse.risk.monte_carlo import Simulation
from spark_jobs.kit.frames import from_arrow
from spark_jobs.var_batch.book import Book
from spark_jobs.var_batch.parameters import Parameters

INLINE_PRODUCTS = 50_000_000_000
"""Multiply-adds below which Spark's overhead of about a second costs more than its cores give: docs/scaling.md."""
SLAB_PORTFOLIOS = 10_000
"""Portfolios whose exposures travel to the workers at once: 20 MB at 500 instruments."""
WORK = pa.schema([("window_end", pa.int32()), ("stream", pa.int64())])
DONE = "window_end int, payload binary"


@dataclass(frozen=True, slots=True)
class Task:
    """What every worker is sent: the whole market, a slab of exposures in whole units, and how to simulate."""

    returns: FloatArray
    units: npt.NDArray[np.int32]
    unit: FloatArray
    parameters: Parameters

    @property
    def exposures(self) -> Exposures:
        """The slab, ready for products."""
        return Exposures(self.units.astype(np.float64), self.unit)

    def scenarios(self, window_end: int, stream: int) -> Scenarios:
        """Scenarios of the day after the window of returns that ends before row `window_end`."""
        window = self.returns[window_end - self.parameters.window_days : window_end]
        return normal_scenarios(window, self.parameters.simulation(stream), ddof=self.parameters.ddof)


@dataclass(frozen=True, slots=True)
class Simulated:
    """`pnl` (P, S) of the day after the last date; `forecasts` (D, P) VaR of the backtest by confidence."""

    pnl: FloatArray
    scenarios: Scenarios
    simulation: Simulation
    forecasts: Mapping[Decimal, FloatArray]


def work(book: Book, parameters: Parameters) -> pa.Table:
    """The days to forecast. A day's scenarios are named by the date on which its window ends, so that a forecast of the
    backtest has the scenarios that the run of that day had."""
    ends = range(len(book.dates) - parameters.backtest_days, len(book.dates))
    streams = [book.dates[end - 1].toordinal() for end in ends]
    return pa.table([pa.array(ends, pa.int32()), pa.array(streams, pa.int64())], WORK)


def simulate(
    session: SparkSession | None, book: Book, parameters: Parameters, partitions: int | None = None
) -> Simulated:
    """Today's scenarios and all forecasts; on the cluster where that is faster and a `session` is given."""
    exposures = exposures_on_grid(book.exposures.T)
    simulation = parameters.simulation(book.dates[-1].toordinal())
    window = book.returns[-parameters.window_days :]
    today = normal_scenarios(window, simulation, ddof=parameters.ddof)
    slabs = [
        _forecasts(session, book, exposures.rows(start, start + SLAB_PORTFOLIOS), parameters, partitions)
        for start in range(0, len(exposures.unit), SLAB_PORTFOLIOS)
    ]
    forecasts = np.concatenate(slabs, axis=2)
    return Simulated(
        pnl=scenario_pnl(today, exposures),
        scenarios=today,
        simulation=simulation,
        forecasts={level: forecasts[:, number] for number, level in enumerate(parameters.levels)},
    )


def perform(batches: Iterator[pa.RecordBatch], task: Task) -> Iterator[pa.RecordBatch]:
    """VaR of the slab at every confidence, an output row a day; runs in Spark's Python workers or here."""
    exposures, quantile = task.exposures, task.parameters.conventions.quantile
    for batch in batches:
        for day in batch.to_pylist():
            scenarios = task.scenarios(day["window_end"], day["stream"])
            found = measure(scenarios, exposures, task.parameters.levels, quantile=quantile)
            payload = np.stack([level.var for level in found]).tobytes()
            yield pa.record_batch(
                [pa.array([day["window_end"]], pa.int32()), pa.array([payload], pa.binary())],
                names=["window_end", "payload"],
            )


def _forecasts(
    session: SparkSession | None, book: Book, slab: Exposures, parameters: Parameters, partitions: int | None
) -> FloatArray:
    """(days, levels, portfolios of the slab)."""
    days = work(book, parameters)
    task = Task(book.returns, slab.units.astype(np.int32), slab.unit, parameters)
    products = slab.units.size * parameters.scenarios * days.num_rows
    if session is None or (partitions is None and products < INLINE_PRODUCTS):
        done = pa.Table.from_batches(perform(iter(days.to_batches()), task))
    else:
        frame = from_arrow(session, days).repartition(partitions or days.num_rows, "window_end")
        done = frame.mapInArrow(partial(perform, task=task), DONE).toArrow()
    payloads = dict(zip(done["window_end"].to_pylist(), done["payload"].to_pylist(), strict=True))
    shape = (len(parameters.levels), len(slab.unit))
    return np.stack([np.frombuffer(payloads[end]).reshape(shape) for end in days["window_end"].to_pylist()])
