"""Markets for backtests: written down price by price, or random ones with everything that may happen."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lakehouse.backtest.market import Action, Market, from_closes

CHOICE = "made up for a test"


def flat(*closes: Sequence[float], names: str = "ABCDEFGH") -> Market:
    """One list of closes an instrument; every bar is its close."""
    matrix = np.array(closes, dtype=np.float64).T
    dates = np.datetime64("2024-01-01") + np.arange(len(matrix))
    return from_closes(dates, tuple(names[: matrix.shape[1]]), matrix, survivorship=CHOICE)


def bars(*rows: tuple[float, float, float, float], volume: float = 1e6) -> Market:
    """One instrument: open, high, low, close of each day."""
    matrix = np.array(rows, dtype=np.float64)
    market = flat(matrix[:, 3].tolist())
    first, high, low = (matrix[:, place : place + 1] for place in range(3))
    return replace(market, open=first, high=high, low=low, volume=np.full((len(rows), 1), volume))


def eventful(seed: int, days: int = 90, columns: int = 5, holes: float = 0.03) -> Market:
    """Random walks with days without a trade, splits, dividends, a delisting and interest."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.02, (days, columns)), axis=0))
    first = close * (1 + random.normal(0, 0.01, close.shape))
    gone = random.random(close.shape) < holes
    gone[days // 2 :, 1] = True
    close[gone] = first[gone] = np.nan
    return Market(
        dates=np.datetime64("2023-01-02") + np.arange(days),
        symbols=tuple(f"S{column}" for column in range(columns)),
        open=first,
        high=np.fmax(first, close) * 1.004,
        low=np.fmin(first, close) * 0.996,
        close=close,
        volume=random.random(close.shape) * 1e5,
        survivorship=CHOICE,
        actions=(Action(days // 3, 0, 2.0, 0.5), Action(days // 3, 2, 0.1), Action(days // 4, 3, 1.0, 0.7)),
        delisting_return=np.full(columns, -0.3),
        cash_rate=np.full(days, 1e-4),
    )
