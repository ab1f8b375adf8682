"""A backtest in numbers, and the statements that belong to them."""

import math
from dataclasses import dataclass

import numpy as np

from lakehouse.backtest.result import Result
from lakehouse.backtest.rules import TRADING_DAYS
from lakehouse.backtest.sharpe import deflated, probabilistic, track_of
from lakehouse.risk import performance
from lakehouse.risk.checks import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Numbers of one backtest. Returns, volatility and ratios are a year's (252 days), returns compound.

    `sharpe` is of returns above the cash rate; `probabilistic_sharpe` the probability that it is truly above 0, and
    `deflated_sharpe` the same after all trials. `max_drawdown` is a positive share of the highest equity before, the
    capital at the start included. `turnover` is traded value, both sides, a year, in units of average equity. `costs`
    are commissions in currency; slippage is in the prices. `excess_return` is the annual return less the benchmark's;
    it, `beta`, `alpha` (a year), `tracking_error` and `information_ratio` are None without a benchmark.
    """

    total_return: float
    annual_return: float
    volatility: float
    sharpe: float
    sortino: float
    calmar: float
    max_drawdown: float
    probabilistic_sharpe: float
    deflated_sharpe: float
    trials: int
    turnover: float
    costs: float
    orders: int
    trades: int
    best_day: float
    worst_day: float
    benchmark_return: float | None = None
    excess_return: float | None = None
    beta: float | None = None
    alpha: float | None = None
    tracking_error: float | None = None
    information_ratio: float | None = None

    def document(self) -> dict[str, float]:
        """Every number that there is, by name."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}


def measure(result: Result) -> Metrics:
    """All numbers of a result."""
    returns, excess = result.returns, result.excess
    track = track_of(excess)
    moves = returns[:, None]
    return Metrics(
        total_return=float(result.equity[-1] / result.rules.initial_cash - 1.0),
        annual_return=_one(performance.annual_return(moves, periods=TRADING_DAYS)),
        volatility=_one(performance.volatility(moves, periods=TRADING_DAYS)),
        sharpe=track.sharpe * math.sqrt(TRADING_DAYS),
        sortino=_one(performance.sortino(excess[:, None], periods=TRADING_DAYS)),
        calmar=_one(performance.calmar(moves, periods=TRADING_DAYS)),
        max_drawdown=_one(performance.max_drawdown(moves).depth),
        probabilistic_sharpe=probabilistic(track),
        deflated_sharpe=deflated(track, trials=result.trials, variance=result.trial_variance),
        trials=result.trials,
        turnover=float(
            result.trades.amount[~result.trades.delisting].sum() / result.equity.mean() * TRADING_DAYS / len(returns)
        ),
        costs=float(result.trades.fee.sum()),
        orders=result.orders,
        trades=len(result.trades),
        best_day=float(returns.max()),
        worst_day=float(returns.min()),
        **against(result),
    )


def drawdown(result: Result) -> FloatArray:
    """(T,) how far equity is below its highest value so far, the capital at the start included; a share, >= 0."""
    highest = np.maximum.accumulate(np.maximum(result.equity, result.rules.initial_cash))
    below: FloatArray = 1.0 - np.maximum(result.equity, 0.0) / highest
    return below


def monthly(result: Result) -> tuple[list[int], FloatArray]:
    """Years, and (years, 12) returns of their months; NaN for months outside of the backtest."""
    months = result.dates.astype("datetime64[M]").astype(int)
    ends = np.flatnonzero(np.append(months[1:] != months[:-1], [True]))
    values = np.concatenate([[result.rules.initial_cash], result.equity[ends]])
    first = months[0] // 12
    table = np.full((months[-1] // 12 - first + 1, 12), np.nan)
    table[months[ends] // 12 - first, months[ends] % 12] = values[1:] / values[:-1] - 1.0
    return [1970 + int(first) + row for row in range(len(table))], table


def against(result: Result) -> dict[str, float]:
    """The numbers of Metrics that are against the benchmark, by name: none without one, only the two returns where it
    never moves. The information ratio is NaN where the two never differ."""
    if result.benchmark is None:
        return {}
    other = (result.benchmark[1:] / result.benchmark[:-1] - 1.0)[:, None]
    mine = result.returns[:, None]
    rate = 0.0 if result.cash_rate is None else float(result.cash_rate[1:].mean())
    held = _one(performance.annual_return(other, periods=TRADING_DAYS))
    found = {
        "benchmark_return": held,
        "excess_return": _one(performance.annual_return(mine, periods=TRADING_DAYS)) - held,
    }
    if float(np.ptp(other)) == 0.0:
        return found
    beta = _one(performance.beta(mine, other))
    return {
        **found,
        "beta": beta,
        "alpha": (float(result.excess.mean()) - beta * (float(other.mean()) - rate)) * TRADING_DAYS,
        "tracking_error": _one(performance.tracking_error(mine, other, periods=TRADING_DAYS)),
        "information_ratio": _one(performance.information_ratio(mine, other, periods=TRADING_DAYS)),
    }


def _one(values: FloatArray) -> float:
    return float(values[0])
