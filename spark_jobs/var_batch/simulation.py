"""Monte-Carlo of all portfolios on all days of the backtest: a forecast for each, with what it comes from.

Small work is done in this process; large work goes to Spark's workers a day of a slab of portfolios at a time. The
same function does both, and every number follows from seed, market and holdings alone: the bytes are the same.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np
import numpy.typing as npt
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
from lakehouse.risk.monte_carlo import Labels
from spark_jobs.var_batch.book import Book
from spark_jobs.var_batch.parameters import Parameters
from spark_jobs.var_batch.spread import performed

INLINE_PRODUCTS = 50_000_000_000
"""Multiply-adds below which Spark's overhead of about a second costs more than its cores give: docs/scaling.md."""
INLINE_PORTFOLIOS = 100
"""Portfolios below which fitting GARCH and Student t to their past takes less here than starting the workers saves: a
fifth of a second each. docs/scaling.md."""
SLAB_PORTFOLIOS = 10_000
"""Portfolios whose exposures travel to the workers at once: 20 MB at 500 instruments."""
PARTS = 4


@dataclass(frozen=True)
class Task:
    """What every worker is sent: the whole market, a slab of exposures in whole units, and how to simulate."""

    returns: FloatArray
    labels: Labels
    units: npt.NDArray[np.int32]
    unit: FloatArray
    parameters: Parameters
    groups: Groups | None = None

    @cached_property
    def exposures(self) -> Exposures:
        """The slab, ready for products."""
        return Exposures(self.units.astype(np.float64), self.unit)

    def scenarios(self, window_end: int) -> Scenarios:
        """Scenarios of the day after the window of returns that ends before row `window_end`."""
        start = window_end - self.parameters.window_days
        simulation = self.parameters.simulation(self.labels.window(start, window_end))
        return normal_scenarios(self.returns[start:window_end], simulation, ddof=self.parameters.ddof)

    def measured(self, window_end: int, _: bytes) -> bytes:
        """The measures of the slab at every confidence on one day; runs in Spark's Python workers or here."""
        levels = measure(
            self.scenarios(window_end),
            self.exposures,
            self.parameters.levels,
            groups=self.groups,
            quantile=self.parameters.conventions.quantile,
        )
        parts = ((level.var, level.es, level.component_var, level.component_es) for level in levels)
        return b"".join(part.tobytes() for level in parts for part in level)


@dataclass(frozen=True, slots=True)
class Forecasts:
    """What was forecast at one confidence on D days, base currency, positive for a loss: `var`, `es` (D, P), and what
    each of G groups of instruments contributes to them, `component_var`, `component_es` (D, P, G)."""

    var: FloatArray
    es: FloatArray
    component_var: FloatArray
    component_es: FloatArray


def forecast(
    session: SparkSession | None,
    book: Book,
    parameters: Parameters,
    *,
    groups: Groups | None = None,
    partitions: int | None = None,
) -> dict[Decimal, Forecasts]:
    """The forecasts of all days of the backtest by confidence, each with the random numbers that the run of its day
    had; `partitions` asks for Spark and that many tasks."""
    exposures = exposures_on_grid(book.exposures.T)
    ends = range(len(book.dates) - parameters.backtest_days, len(book.dates))
    slabs = []
    for start in range(0, len(exposures.unit), SLAB_PORTFOLIOS):
        slab = exposures.rows(start, start + SLAB_PORTFOLIOS)
        task = Task(book.returns, book.labels, slab.units.astype(np.int32), slab.unit, parameters, groups)
        slabs.append(_slab(session, task, ends, partitions))
    return {
        level: Forecasts(*(np.concatenate([slab[number][part] for slab in slabs], axis=1) for part in range(PARTS)))
        for number, level in enumerate(parameters.levels)
    }


def _slab(
    session: SparkSession | None, task: Task, ends: range, partitions: int | None
) -> list[tuple[FloatArray, ...]]:
    """By level: var, es (D, P of the slab), component_var, component_es (D, P, G)."""
    products = task.units.size * task.parameters.scenarios * len(ends)
    workers = session if partitions or products >= INLINE_PRODUCTS else None
    found = performed(workers, task.measured, dict.fromkeys(ends, b""), partitions=partitions)
    portfolios, groups = len(task.unit), len(task.groups.names) if task.groups else 1
    level = 2 * portfolios * (1 + groups)
    table = np.stack([np.frombuffer(found[end]) for end in ends])
    return [_parts(table[:, start : start + level], portfolios, groups) for start in range(0, table.shape[1], level)]


def _parts(table: FloatArray, portfolios: int, groups: int) -> tuple[FloatArray, ...]:
    days, wide = len(table), portfolios * groups
    var, shortfall, component_var, component_es = np.split(table, np.cumsum([portfolios, portfolios, wide]), axis=1)
    shape = (days, portfolios, groups)
    return var, shortfall, component_var.reshape(shape), component_es.reshape(shape)
