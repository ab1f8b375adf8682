"""Monte-Carlo on the workers: rows are pieces of work, the payload is a block of P&L or a day's forecast."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from lakehouse.risk.checks import FloatArray
from lakehouse.risk.monte_carlo import NormalModel, Simulation, fit_normal, pnl_block, simulate_pnl
from lakehouse.risk.var import historical_var
from spark_jobs.kit.frames import from_arrow
from spark_jobs.var_batch.book import Book
from spark_jobs.var_batch.parameters import Parameters

WHOLE_DAY = -1
"""In the place of a block's number: simulate all blocks of that day and return its VaR at each confidence."""
WORK = pa.schema([("window_end", pa.int32()), ("stream", pa.int64()), ("block", pa.int32()), ("rows", pa.int32())])
DONE = "window_end int, block int, payload binary"


@dataclass(frozen=True, slots=True)
class Task:
    """What every worker is sent: the whole market and book, a few megabytes, and how to simulate."""

    returns: FloatArray
    exposures: FloatArray
    parameters: Parameters

    def model(self, window_end: int) -> NormalModel:
        """The normal model fitted to the window of returns that ends before row `window_end`."""
        window = self.returns[window_end - self.parameters.window_days : window_end]
        return fit_normal(window, self.exposures, ddof=self.parameters.ddof)

    def simulation(self, stream: int) -> Simulation:
        """The scenarios of one day."""
        chosen = self.parameters
        return Simulation(chosen.seed, chosen.scenarios, stream, chosen.block_rows)


@dataclass(frozen=True, slots=True)
class Simulated:
    """`pnl` (scenarios, P) of the day after the last date; `forecasts` (D, P) VaR of the backtest by confidence."""

    pnl: FloatArray
    simulation: Simulation
    forecasts: Mapping[Decimal, FloatArray]


def work(book: Book, parameters: Parameters) -> pa.Table:
    """The pieces of work: one a block of the newest day's scenarios, one a day of the backtest.

    A day's scenarios are named by the date on which its window ends, so that a forecast of the backtest has the
    scenarios that the run of that day had.
    """
    total = len(book.dates)
    newest = Simulation(parameters.seed, parameters.scenarios, block_rows=parameters.block_rows)
    rows = [(total, book.dates[-1].toordinal(), block, size) for block, size in newest.blocks()]
    rows += [
        (end, book.dates[end - 1].toordinal(), WHOLE_DAY, parameters.scenarios)
        for end in range(total - parameters.backtest_days, total)
    ]
    columns = zip(zip(*rows, strict=True), WORK, strict=True)
    return pa.table([pa.array(column, field.type) for column, field in columns], WORK)


def simulate(session: SparkSession, book: Book, parameters: Parameters, partitions: int | None = None) -> Simulated:
    """Run the work on the cluster. The bytes are the same on any number of partitions: every block's numbers follow
    from seed, day and block number alone, and its sums are exact (see lakehouse.risk.monte_carlo)."""
    frame = from_arrow(session, work(book, parameters))
    spread = frame if partitions is None else frame.repartition(partitions, "window_end", "block")
    task = Task(book.returns, book.exposures, parameters)
    done = spread.mapInArrow(partial(perform, task=task), DONE).toArrow()
    payloads = {
        (end, block): payload
        for end, block, payload in zip(*(done[name].to_pylist() for name in done.column_names), strict=True)
    }
    return _assembled(payloads, book, task)


def perform(batches: Iterator[pa.RecordBatch], task: Task) -> Iterator[pa.RecordBatch]:
    """One output row a row of work; runs in Spark's Python workers."""
    fitted: tuple[int, NormalModel] | None = None
    for batch in batches:
        for piece in batch.to_pylist():
            if fitted is None or fitted[0] != piece["window_end"]:
                fitted = (piece["window_end"], task.model(piece["window_end"]))
            payload = _payload(task, fitted[1], piece)
            yield pa.record_batch(
                [
                    pa.array([piece["window_end"]], pa.int32()),
                    pa.array([piece["block"]], pa.int32()),
                    pa.array([payload], pa.binary()),
                ],
                names=["window_end", "block", "payload"],
            )


def _payload(task: Task, model: NormalModel, piece: Mapping[str, int]) -> bytes:
    simulation = task.simulation(piece["stream"])
    if piece["block"] != WHOLE_DAY:
        return pnl_block(model, simulation, block=piece["block"], rows=piece["rows"]).tobytes()
    pnl = simulate_pnl(model, simulation)
    quantile = task.parameters.conventions.quantile
    levels = task.parameters.levels
    return np.stack([historical_var(pnl, confidence=level, quantile=quantile) for level in levels]).tobytes()


def _assembled(payloads: Mapping[tuple[int, int], bytes], book: Book, task: Task) -> Simulated:
    total, columns = len(book.dates), len(book.portfolios)
    simulation = task.simulation(book.dates[-1].toordinal())
    blocks = [np.frombuffer(payloads[total, block]).reshape(rows, columns) for block, rows in simulation.blocks()]
    first = total - task.parameters.backtest_days
    levels = task.parameters.levels
    days = np.stack(
        [np.frombuffer(payloads[end, WHOLE_DAY]).reshape(len(levels), columns) for end in range(first, total)]
    )
    return Simulated(
        pnl=np.concatenate(blocks),
        simulation=simulation,
        forecasts={level: np.ascontiguousarray(days[:, number]) for number, level in enumerate(levels)},
    )
