"""What today's holdings would have earned for their risk, how concentrated they are, and how fast they can be sold."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from lakehouse.portfolio.fx import symbol_of
from lakehouse.risk import concentration, performance
from lakehouse.risk.checks import FloatArray
from spark_jobs.var_batch.book import Book
from spark_jobs.var_batch.parameters import Parameters
from spark_jobs.var_batch.valuation import contract_price, money, to_cents

SAME_AS_BENCHMARK = 1e-9
CONVENTION = (
    "returns=P&L of today's holdings over their gross value;ddof=1;periods=252;risk_free=0;"
    f"participation={concentration.PARTICIPATION:g} of the mean volume of {{days}} days"
)


@dataclass(frozen=True, slots=True)
class Beside:
    """What metrics need beside the book: the benchmark's `returns` (T, 1) on the window's days, None without one;
    `traded` (N,) value of a day's mean volume, base currency, NaN where it is unknown."""

    returns: FloatArray | None
    traded: FloatArray


def metric_rows(book: Book, pnl: FloatArray, beside: Beside, parameters: Parameters) -> Iterator[dict[str, Any]]:
    """Rows of gold.portfolio_metrics_v1 without date and run; `pnl` (T, P) over the window."""
    gross = np.abs(book.exposures).sum(axis=0)
    # A short may lose more than everything: there is no compound return of that, and so no row.
    kept = np.flatnonzero((pnl / gross >= -1.0).all(axis=0))
    held, returns = book.exposures[:, kept], pnl[:, kept] / gross[kept]
    fall = performance.max_drawdown(returns)
    days = book.dates[-len(pnl) :]
    told = {**_numbers(returns, held, fall), **_against(returns, beside.returns), **_liquidity(held, beside.traded)}
    for number, column in enumerate(kept.tolist()):
        portfolio, trough = book.portfolios[column], int(fall.trough[number])
        yield {
            "portfolio_id": portfolio.id,
            "portfolio_name": portfolio.name,
            "base_currency": portfolio.base_currency,
            "value_base": book.values[column],
            "gross_base": money(to_cents(gross)[column]),
            "holdings": int(np.count_nonzero(held[:, number])),
            "observations": len(pnl),
            "first_date": days[0],
            "drawdown_trough_date": days[trough] if trough >= 0 else None,
            "benchmark": None if beside.returns is None else parameters.benchmark,
            "convention": CONVENTION.format(days=parameters.volume_days),
            **{name: _number(values[number]) for name, values in told.items()},
        }


def _numbers(returns: FloatArray, held: FloatArray, fall: performance.Drawdown) -> dict[str, FloatArray]:
    return {
        "volatility": performance.volatility(returns),
        "annual_return": performance.annual_return(returns),
        "sharpe": performance.sharpe(returns),
        "sortino": performance.sortino(returns),
        "calmar": performance.calmar(returns),
        "max_drawdown": fall.depth,
        "hhi": concentration.herfindahl(held),
        "effective_holdings": concentration.effective_holdings(held),
    }


def beside(book: Book, bars: pa.Table, benchmark: Mapping[date, float], parameters: Parameters) -> Beside:
    """Benchmark and volumes on the book's days. `bars` (symbol, business_date, close, volume) up to the business date;
    `benchmark` its levels by day, empty without one."""
    traded = {}
    for symbol, found in _by_symbol(bars).items():
        newest = sorted(found, key=lambda bar: bar["business_date"])[-parameters.volume_days :]
        volumes = [bar["volume"] for bar in newest]
        if newest and newest[-1]["business_date"] == book.dates[-1] and None not in volumes:
            price = contract_price(newest[-1]["close"], parameters.multiplier(symbol))
            traded[symbol] = float(price) * float(np.mean(volumes))
    known = np.array([traded.get(symbol_of(line), np.nan) * book.rates.get(line, 1.0) for line in book.symbols])
    return Beside(_benchmark_returns(book, benchmark, parameters), known)


def _by_symbol(bars: pa.Table) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    for bar in bars.to_pylist():
        grouped.setdefault(bar["symbol"], []).append(bar)
    return grouped


def _benchmark_returns(book: Book, closes: Mapping[date, float], parameters: Parameters) -> FloatArray | None:
    days = book.dates[-(parameters.window_days + 1) :]
    if len(days) <= parameters.window_days or not all(day in closes for day in days):
        return None
    prices = np.array([[closes[day]] for day in days])
    returns: FloatArray = prices[1:] / prices[:-1] - 1.0
    return returns if float(np.ptp(returns)) > 0 else None


def _against(returns: FloatArray, benchmark: FloatArray | None) -> dict[str, FloatArray]:
    names = ("beta", "tracking_error", "information_ratio")
    if benchmark is None:
        return dict.fromkeys(names, np.full(returns.shape[1], np.nan))
    error = performance.tracking_error(returns, benchmark)
    ratio = performance.information_ratio(returns, benchmark)
    # Of what is the benchmark itself only rounding is left, and its ratio would look like skill.
    real = np.where(error > SAME_AS_BENCHMARK, ratio, np.nan)
    return dict(zip(names, (performance.beta(returns, benchmark), error, real), strict=True))


def _liquidity(exposures: FloatArray, traded: FloatArray) -> dict[str, FloatArray]:
    """Absent for a portfolio that holds what has no known volume, or none at all."""
    unknown = ~(np.nan_to_num(traded) > 0)
    stuck = (exposures[unknown] != 0).any(axis=0)
    days = np.zeros_like(exposures)
    days[~unknown] = concentration.liquidation_days(exposures[~unknown], traded[~unknown])
    slowest, mean = concentration.liquidity_horizon(exposures, days), concentration.weighted_days(exposures, days)
    return {
        "liquidation_days": np.where(stuck, np.nan, slowest),
        "liquidation_days_mean": np.where(stuck, np.nan, mean),
    }


def _number(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)
