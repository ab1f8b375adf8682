"""Every method at every confidence: estimates of today, and the backtest of the days before."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from lakehouse.risk.checks import FloatArray
from lakehouse.risk.linear import portfolio_pnl
from lakehouse.risk.methods import BATCH_METHODS, Method, RiskEstimate, estimate
from lakehouse.risk.var import cornish_fisher_valid
from lakehouse.risk.var_backtest import Backtest, compare, rolling_var
from spark_jobs.var_batch.book import Book
from spark_jobs.var_batch.parameters import Parameters
from spark_jobs.var_batch.simulation import Simulated
from spark_jobs.var_batch.valuation import to_cents


@dataclass(frozen=True, slots=True)
class Measured:
    """One method at one confidence. `columns` (K,) the portfolios, by position, that the method can measure; `today`
    has a number for each of these, `backtest` a column for every portfolio of the book, in whole cents."""

    confidence: Decimal
    today: RiskEstimate
    columns: tuple[int, ...]
    backtest: Backtest


def measure(book: Book, simulated: Simulated, parameters: Parameters) -> Iterator[Measured]:
    """All methods at all confidences. Raises what lakehouse.risk refuses."""
    pnl = portfolio_pnl(book.returns, book.exposures)
    for confidence in parameters.levels:
        for method in BATCH_METHODS:
            forecast = _forecasts(method, pnl, simulated, confidence, parameters)
            today, columns = _today(method, pnl, simulated, confidence, parameters)
            yield Measured(confidence, today, columns, _in_cents(forecast, pnl[-parameters.backtest_days :]))


def _today(
    method: Method, pnl: FloatArray, simulated: Simulated, confidence: Decimal, parameters: Parameters
) -> tuple[RiskEstimate, tuple[int, ...]]:
    window = pnl[-parameters.window_days :]
    everyone = tuple(range(pnl.shape[1]))
    if method is Method.MONTE_CARLO_NORMAL:
        found = estimate(
            method,
            simulated.pnl.T,
            confidence=confidence,
            conventions=parameters.conventions,
            simulation=simulated.simulation,
            observations=len(window),
        )
        return found, everyone
    if method is Method.CORNISH_FISHER:
        # A portfolio out of the expansion's domain has no number by this method: an absent row, not a wrong one.
        valid = cornish_fisher_valid(window, confidence=confidence, ddof=parameters.ddof)
        everyone = tuple(int(column) for column in np.flatnonzero(valid))
        window = window[:, valid]
    return estimate(method, window, confidence=confidence, conventions=parameters.conventions), everyone


def _forecasts(
    method: Method, pnl: FloatArray, simulated: Simulated, confidence: Decimal, parameters: Parameters
) -> FloatArray:
    if method is Method.MONTE_CARLO_NORMAL:
        return simulated.forecasts[confidence].var
    return rolling_var(
        method,
        pnl,
        confidence=confidence,
        window=parameters.window_days,
        backtest_days=parameters.backtest_days,
        conventions=parameters.conventions,
    )


def _in_cents(forecast: FloatArray, pnl: FloatArray) -> Backtest:
    # Rounded before they are compared, so that the stored breach follows from the stored amounts.
    rounded = np.where(np.isnan(forecast), np.nan, to_cents(np.nan_to_num(forecast)).astype(np.float64))
    return compare(rounded, to_cents(pnl).astype(np.float64))
