"""How good forecasts were: pinball loss by day, how often quantiles were missed, and what acting on them earned."""

import numpy as np

from lakehouse.backtest.market import IntArray
from lakehouse.risk.checks import FloatArray
from ml.evaluation.gate import Scores
from ml.inference.forecast import Forecast
from ml.training.forecast.panel import Panel

BPS = 1e4
RISK_AVERSION = 5.0
TARGET_VOLATILITY = 0.10 / np.sqrt(252)
MOST = 2.0


def pinball(forecast: Forecast, following: FloatArray) -> FloatArray:
    """The mean quantile loss (N,) over the levels, in basis points of return. Source: Koenker and Bassett (1978)."""
    levels = np.asarray(forecast.levels)
    missed = following[:, None] - forecast.quantiles
    return np.asarray(np.maximum(levels * missed, (levels - 1) * missed).mean(axis=1) * BPS, dtype=np.float64)


def score(panel: Panel, rows: IntArray, forecast: Forecast, *, cost_bps: float) -> Scores:
    """Scores of `rows`, sorted by name and day, as means over the names of each day."""
    following = panel.following[rows]
    day, places = np.unique(panel.day[rows], return_inverse=True)
    losses = _by_day(pinball(forecast, following), places, len(day))
    payoffs = _by_day(_payoffs(panel, rows, forecast, cost_bps), places, len(day))
    below = following[:, None] < forecast.quantiles
    shares = dict(zip(forecast.levels, below.mean(axis=0), strict=True))
    surprise = following / forecast.volatility
    metrics = {
        "pinball_bps": float(losses.mean()),
        "payoff_bps": float(payoffs.mean()),
        "qlike": float((2 * np.log(forecast.volatility) + np.square(surprise)).mean()),
        "below_01": float(shares[0.01]),
        "below_05": float(shares[0.05]),
        "below_50": float(shares[0.5]),
        "inside_98": float(shares[0.99] - shares[0.01]),
        "inside_90": float(shares[0.95] - shares[0.05]),
        "surprise_deviation": float(np.sqrt(np.square(surprise).mean())),
    }
    return Scores(losses=losses, payoffs=payoffs, metrics=metrics)


def _payoffs(panel: Panel, rows: IntArray, forecast: Forecast, cost_bps: float) -> FloatArray:
    """Utility of each day in basis points of holding every name at a constant risk: return less half the risk aversion
    times its square, less costs of what was traded. Source: Fleming, Kirby and Ostdiek (2001), "The Economic Value of
    Volatility Timing", with costs."""
    weight = np.clip(TARGET_VOLATILITY / forecast.volatility, 0.0, MOST)
    earned = weight * panel.following[rows]
    name = panel.name[rows]
    traded = np.abs(np.diff(weight, prepend=0.0))
    traded[np.append(True, name[1:] != name[:-1])] = 0.0  # what is held first is bought by all models alike
    return np.asarray((earned - RISK_AVERSION / 2 * np.square(earned)) * BPS - cost_bps * traded, dtype=np.float64)


def _by_day(values: FloatArray, places: IntArray, days: int) -> FloatArray:
    return np.asarray(np.bincount(places, values, days) / np.bincount(places, minlength=days), dtype=np.float64)
