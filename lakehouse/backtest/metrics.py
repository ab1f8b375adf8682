"""A backtest in numbers, and the statements that belong to them."""

import math
from dataclasses import dataclass

import numpy as np

from lakehouse.backtest.result import Result
from lakehouse.backtest.rules import TRADING_DAYS
from lakehouse.backtest.sharpe import Track, deflated, probabilistic, track_of
from lakehouse.risk.checks import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Numbers of one backtest. Returns, volatility and ratios are a year's (252 days), returns compound.

    `sharpe` is of returns above the cash rate; `probabilistic_sharpe` the probability that it is truly above 0, and
    `deflated_sharpe` the same after all trials. `max_drawdown` is a positive share of the highest equity before, the
    capital at the start included. `turnover` is traded value, both sides, a year, in units of average equity. `costs`
    are commissions in currency; slippage is in the prices. `beta`, `alpha` (a year) and `tracking_error` are against
    the benchmark, None without one.
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
    beta: float | None = None
    alpha: float | None = None
    tracking_error: float | None = None

    def document(self) -> dict[str, float]:
        """Every number that there is, by name."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}


def measure(result: Result, cash_rate: FloatArray | None = None) -> Metrics:
    """All numbers of a result; `cash_rate` (T,) is a day's simple interest, zero when left out."""
    returns = result.returns
    excess = returns if cash_rate is None else returns - cash_rate[1:]
    track = track_of(excess)
    years = len(returns) / TRADING_DAYS
    total = float(result.equity[-1] / result.rules.initial_cash - 1.0)
    annual = compounded(total, years)
    deepest = float(drawdown(result).max())
    against = _against(result)
    return Metrics(
        total_return=total,
        annual_return=annual,
        volatility=float(returns.std(ddof=1)) * math.sqrt(TRADING_DAYS),
        sharpe=track.sharpe * math.sqrt(TRADING_DAYS),
        sortino=_sortino(excess),
        calmar=annual / deepest if deepest > 0 else math.nan,
        max_drawdown=deepest,
        probabilistic_sharpe=probabilistic(track),
        deflated_sharpe=_deflated(track, result),
        trials=result.trials,
        turnover=float(result.trades.amount[~result.trades.delisting].sum() / result.equity.mean() / years),
        costs=float(result.trades.fee.sum()),
        orders=result.orders,
        trades=len(result.trades),
        best_day=float(returns.max()),
        worst_day=float(returns.min()),
        **against,
    )


def drawdown(result: Result) -> FloatArray:
    """(T,) how far equity is below its highest value so far, the capital at the start included; a share, >= 0."""
    highest = np.maximum.accumulate(np.maximum(result.equity, result.rules.initial_cash))
    below: FloatArray = 1.0 - result.equity / highest
    return below


def compounded(total: float, years: float) -> float:
    """The return a year that makes `total` in `years`; -1 where everything, or more, was lost."""
    return -1.0 if total <= -1.0 else float((1.0 + total) ** (1.0 / years) - 1.0)


def monthly(result: Result) -> tuple[list[int], FloatArray]:
    """Years, and (years, 12) returns of their months; NaN for months outside of the backtest."""
    months = result.dates.astype("datetime64[M]").astype(int)
    ends = np.flatnonzero(np.append(months[1:] != months[:-1], [True]))
    values = np.concatenate([[result.rules.initial_cash], result.equity[ends]])
    first = months[0] // 12
    table = np.full((months[-1] // 12 - first + 1, 12), np.nan)
    table[months[ends] // 12 - first, months[ends] % 12] = values[1:] / values[:-1] - 1.0
    return [1970 + int(first) + row for row in range(len(table))], table


def _deflated(track: Track, result: Result) -> float:
    return deflated(track, trials=result.trials, variance=result.trial_variance)


def _sortino(excess: FloatArray) -> float:
    """Mean over the root of the mean squared shortfall below 0 of all days."""
    downside = math.sqrt(float(np.mean(np.minimum(excess, 0.0) ** 2)))
    return float(excess.mean()) / downside * math.sqrt(TRADING_DAYS) if downside > 0 else math.nan


def _against(result: Result) -> dict[str, float]:
    if result.benchmark is None:
        return {}
    other = result.benchmark[1:] / result.benchmark[:-1] - 1.0
    mine = result.returns
    spread = float(other.var(ddof=1))
    beta = float(np.cov(mine, other, ddof=1)[0, 1]) / spread if spread > 0 else math.nan
    total = float(result.benchmark[-1] / result.benchmark[0] - 1.0)
    return {
        "benchmark_return": compounded(total, len(mine) / TRADING_DAYS),
        "beta": beta,
        "alpha": (float(mine.mean()) - beta * float(other.mean())) * TRADING_DAYS,
        "tracking_error": float((mine - other).std(ddof=1)) * math.sqrt(TRADING_DAYS),
    }
