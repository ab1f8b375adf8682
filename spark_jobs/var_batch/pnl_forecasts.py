"""Past forecasts by every method that a portfolio's P&L is enough for: of a few here, of many on Spark's workers."""

from functools import partial

import numpy as np
from pyspark.sql import SparkSession

from lakehouse.risk.checks import FloatArray
from lakehouse.risk.methods import BATCH_METHODS, Method
from lakehouse.risk.rolling_filtered import Forecasts, rolling_filtered_levels
from lakehouse.risk.simulated import SIMULATED
from lakehouse.risk.var_backtest import rolling_levels
from spark_jobs.var_batch.parameters import Parameters
from spark_jobs.var_batch.simulation import INLINE_PORTFOLIOS
from spark_jobs.var_batch.spread import performed

CHUNK_PORTFOLIOS = 25
"""Portfolios a piece of work: seconds of fitting, and few enough that all workers have some."""
FROM_PNL = tuple(method for method in BATCH_METHODS if method not in SIMULATED)
ByMethod = dict[Method, tuple[Forecasts, ...]]


def pnl_forecasts(
    session: SparkSession | None, pnl: FloatArray, parameters: Parameters, *, partitions: int | None = None
) -> ByMethod:
    """The forecasts of the backtest's days by method, one each level of `parameters`, from pnl (T, P), oldest first.

    A portfolio's bytes depend on nothing beside it. `partitions` asks for Spark and that many tasks. Raises what
    lakehouse.risk refuses.
    """
    workers = session if partitions or pnl.shape[1] >= INLINE_PORTFOLIOS else None
    starts = range(0, pnl.shape[1], CHUNK_PORTFOLIOS)
    pieces = {start: np.ascontiguousarray(pnl[:, start : start + CHUNK_PORTFOLIOS]).tobytes() for start in starts}
    found = performed(workers, partial(_piece, days=len(pnl), parameters=parameters), pieces, partitions=partitions)
    shape = (len(FROM_PNL), len(parameters.levels), 2, parameters.backtest_days, -1)
    whole = np.concatenate([np.frombuffer(found[start]).reshape(shape) for start in starts], axis=-1)
    return {
        method: tuple(Forecasts(var, shortfall) for var, shortfall in levels)
        for method, levels in zip(FROM_PNL, whole, strict=True)
    }


def _piece(_: int, payload: bytes, *, days: int, parameters: Parameters) -> bytes:
    """(methods, levels, VaR and shortfall, D, P) of one chunk of portfolios."""
    pnl = np.frombuffer(payload).reshape(days, -1)
    found = [[(level.var, level.es) for level in _forecasts(method, pnl, parameters)] for method in FROM_PNL]
    return np.array(found).tobytes()


def _forecasts(method: Method, pnl: FloatArray, parameters: Parameters) -> tuple[Forecasts, ...]:
    if method is Method.FILTERED_HISTORICAL:
        return rolling_filtered_levels(
            pnl,
            levels=parameters.levels,
            window=parameters.window_days,
            backtest_days=parameters.backtest_days,
            refit_days=parameters.refit_days,
            conventions=parameters.conventions,
        )
    found = rolling_levels(
        method,
        pnl,
        levels=parameters.levels,
        window=parameters.window_days,
        backtest_days=parameters.backtest_days,
        conventions=parameters.conventions,
    )
    return tuple(Forecasts(var, shortfall) for var, shortfall in found)
