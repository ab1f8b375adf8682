"""Monte-Carlo of all portfolios on all days of the backtest: a forecast for each, with what it comes from.

Small work is done in this process; large work goes to Spark's workers a day of a slab of portfolios at a time. The
same function does both, and every number follows from seed, day and holdings alone: the bytes are the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import SparkSession

from lakehouse.risk.checks import FloatArray
from lakehouse.risk.cube import (
    Exposures,
    Groups,
    Scenarios,
    exposures_on_grid,
    measure,
    normal_scenarios,
)
from spark_jobs.kit.frames import from_arrow
from spark_jobs.var_batch.book import Book
from spark_jobs.var_batch.parameters import Parameters

INLINE_PRODUCTS = 50_000_000_000
"""Multiply-adds below which Spark's overhead of about a second costs more than its cores give: docs/scaling.md."""
SLAB_PORTFOLIOS = 10_000
"""Portfolios whose exposures travel to the workers at once: 20 MB at 500 instruments."""
WORK = pa.schema([("window_end", pa.int32()), ("stream", pa.int64())])
DONE = "window_end int, payload binary"
PARTS = 4


@dataclass(frozen=True, slots=True)
class Task:
    """What every worker is sent: the whole market, a slab of exposures in whole units, and how to simulate."""

    returns: FloatArray
    units: npt.NDArray[np.int32]
    unit: FloatArray
    parameters: Parameters
    groups: Groups | None = None

    @property
    def exposures(self) -> Exposures:
        """The slab, ready for products."""
        return Exposures(self.units.astype(np.float64), self.unit)

    def scenarios(self, window_end: int, stream: int) -> Scenarios:
        """Scenarios of the day after the window of returns that ends before row `window_end`."""
        window = self.returns[window_end - self.parameters.window_days : window_end]
        return normal_scenarios(window, self.parameters.simulation(stream), ddof=self.parameters.ddof)


@dataclass(frozen=True, slots=True)
class Forecasts:
    """What was forecast at one confidence on D days, base currency, positive for a loss: `var`, `es` (D, P), and what
    each of G groups of instruments contributes to them, `component_var`, `component_es` (D, P, G)."""

    var: FloatArray
    es: FloatArray
    component_var: FloatArray
    component_es: FloatArray


def work(book: Book, parameters: Parameters) -> pa.Table:
    """The days to forecast. A day's scenarios are named by the date on which its window ends, so that a forecast of the
    backtest has the scenarios that the run of that day had."""
    ends = range(len(book.dates) - parameters.backtest_days, len(book.dates))
    streams = [book.dates[end - 1].toordinal() for end in ends]
    return pa.table([pa.array(ends, pa.int32()), pa.array(streams, pa.int64())], WORK)


def forecast(
    session: SparkSession | None,
    book: Book,
    parameters: Parameters,
    *,
    groups: Groups | None = None,
    partitions: int | None = None,
) -> dict[Decimal, Forecasts]:
    """The forecasts of all days of the backtest by confidence; `partitions` asks for Spark and that many tasks."""
    exposures = exposures_on_grid(book.exposures.T)
    slabs = []
    for start in range(0, len(exposures.unit), SLAB_PORTFOLIOS):
        slab = exposures.rows(start, start + SLAB_PORTFOLIOS)
        task = Task(book.returns, slab.units.astype(np.int32), slab.unit, parameters, groups)
        slabs.append(_slab(session, task, work(book, parameters), partitions))
    return {
        level: Forecasts(*(np.concatenate([slab[number][part] for slab in slabs], axis=1) for part in range(PARTS)))
        for number, level in enumerate(parameters.levels)
    }


def perform(batches: Iterator[pa.RecordBatch], task: Task) -> Iterator[pa.RecordBatch]:
    """The measures of the slab at every confidence, an output row a day; runs in Spark's Python workers or here."""
    exposures, chosen = task.exposures, task.parameters
    for batch in batches:
        for day in batch.to_pylist():
            scenarios = task.scenarios(day["window_end"], day["stream"])
            levels = measure(
                scenarios, exposures, chosen.levels, groups=task.groups, quantile=chosen.conventions.quantile
            )
            arrays = [
                part for level in levels for part in (level.var, level.es, level.component_var, level.component_es)
            ]
            payload = b"".join(part.tobytes() for part in arrays)
            yield pa.record_batch(
                [pa.array([day["window_end"]], pa.int32()), pa.array([payload], pa.binary())],
                names=["window_end", "payload"],
            )


def _slab(
    session: SparkSession | None, task: Task, days: pa.Table, partitions: int | None
) -> list[tuple[FloatArray, ...]]:
    """By level: var, es (D, P of the slab), component_var, component_es (D, P, G)."""
    products = task.units.size * task.parameters.scenarios * days.num_rows
    if session is None or (partitions is None and products < INLINE_PRODUCTS):
        done = pa.Table.from_batches(perform(iter(days.to_batches()), task))
    else:
        spread = from_arrow(session, days).repartition(partitions or days.num_rows, "window_end")
        done = spread.mapInArrow(partial(perform, task=task), DONE).toArrow()
    payloads = dict(zip(done["window_end"].to_pylist(), done["payload"].to_pylist(), strict=True))
    portfolios, groups = len(task.unit), len(task.groups.names) if task.groups else 1
    level = 2 * portfolios * (1 + groups)
    table = np.stack([np.frombuffer(payloads[end]) for end in days["window_end"].to_pylist()])
    return [_parts(table[:, start : start + level], portfolios, groups) for start in range(0, table.shape[1], level)]


def _parts(table: FloatArray, portfolios: int, groups: int) -> tuple[FloatArray, ...]:
    days, wide = len(table), portfolios * groups
    var, shortfall, component_var, component_es = np.split(table, np.cumsum([portfolios, portfolios, wide]), axis=1)
    shape = (days, portfolios, groups)
    return var, shortfall, component_var.reshape(shape), component_es.reshape(shape)
