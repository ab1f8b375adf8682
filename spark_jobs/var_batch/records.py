"""How every method would have forecast the days that have passed: VaR and shortfall beside what then happened."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from lakehouse.risk.checks import FloatArray
from lakehouse.risk.cube import exposures_on_grid, scenario_pnl
from lakehouse.risk.methods import BATCH_METHODS, Method, at_least
from lakehouse.risk.rolling_filtered import Forecasts
from lakehouse.risk.shortfall import historical_es
from lakehouse.risk.simulated import drawn_scenarios
from lakehouse.risk.var import historical_var
from lakehouse.risk.var_backtest import Backtest, compare
from spark_jobs.var_batch import simulation
from spark_jobs.var_batch.book import Book
from spark_jobs.var_batch.parameters import Parameters
from spark_jobs.var_batch.pnl_forecasts import ByMethod
from spark_jobs.var_batch.valuation import to_cents

HELD = (Method.FILTERED_HISTORICAL, Method.MONTE_CARLO_T_COPULA)
"""Methods whose models are fitted anew only every `refit_days`."""
Daily = Mapping[Decimal, simulation.Forecasts]


@dataclass(frozen=True, slots=True)
class Record:
    """One method at one confidence: `backtest` and `shortfall` (D, P) in whole cents; NaN without a forecast."""

    method: Method
    confidence: Decimal
    backtest: Backtest
    shortfall: FloatArray


def records(book: Book, pnl: FloatArray, own: ByMethod, daily: Daily, parameters: Parameters) -> tuple[Record, ...]:
    """The record of every method at every confidence, by confidence and method.

    pnl (T, P) of today's holdings under all returns of the book; `own` the forecasts from it; `daily` the normal
    Monte-Carlo of every day. Raises what lakehouse.risk refuses.
    """
    forecasts = {
        **own,
        Method.MONTE_CARLO_T_COPULA: _copula(book, parameters),
        Method.MONTE_CARLO_NORMAL: tuple(Forecasts(daily[level].var, daily[level].es) for level in parameters.levels),
    }
    actual = to_cents(pnl[-parameters.backtest_days :]).astype(np.float64)
    return tuple(
        _record(method, confidence, forecasts[method][number], actual)
        for number, confidence in enumerate(parameters.levels)
        for method in BATCH_METHODS
    )


def _record(method: Method, confidence: Decimal, forecast: Forecasts, actual: FloatArray) -> Record:
    return Record(method, confidence, compare(_in_cents(forecast.var), actual), _in_cents(forecast.es))


def _copula(book: Book, parameters: Parameters) -> tuple[Forecasts, ...]:
    """The copula knows no day's own volatility: between two fits its forecast stays, and is drawn once."""
    exposures, labels = exposures_on_grid(book.exposures.T), book.labels
    shape = (parameters.backtest_days, len(exposures.unit))
    found = tuple(Forecasts(np.empty(shape), np.empty(shape)) for _ in parameters.levels)
    first = len(book.dates) - parameters.backtest_days
    for day in range(0, parameters.backtest_days, parameters.refit_days):
        start, end = first + day - parameters.window_days, first + day
        drawn = drawn_scenarios(
            Method.MONTE_CARLO_T_COPULA,
            book.returns[start:end],
            parameters.simulation(labels.window(start, end)),
            conventions=parameters.conventions,
        )
        pnl = scenario_pnl(drawn.scenarios, exposures).T
        until = day + parameters.refit_days
        for confidence, forecast in zip(parameters.levels, found, strict=True):
            var = historical_var(pnl, confidence=confidence, quantile=parameters.conventions.quantile)
            forecast.var[day:until] = var
            forecast.es[day:until] = at_least(historical_es(pnl, confidence=confidence), var)
    return found


def _in_cents(forecast: FloatArray) -> FloatArray:
    # Rounded before they are compared, so that the stored breach follows from the stored amounts.
    return np.where(np.isnan(forecast), np.nan, to_cents(np.nan_to_num(forecast)).astype(np.float64))
