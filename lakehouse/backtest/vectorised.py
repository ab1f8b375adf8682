"""The vectorised gear: a matrix of weights or orders in, a result out; a million orders in a tenth of a second."""

import numpy as np

from lakehouse.backtest.market import BacktestError, Market
from lakehouse.backtest.result import Result, Trades
from lakehouse.backtest.rules import Rules
from lakehouse.backtest.tape import tape_of, terms_of
from lakehouse.risk.checks import FloatArray


class BadWishes(BacktestError):
    """Weights or orders that do not fit the market."""


def run_weights(market: Market, weights: FloatArray, rules: Rules) -> Result:
    """Hold `weights` (T, N) of equity: row t is decided at close t and traded on day t + 1; NaN leaves a position as it
    is. Raises BadWishes for another shape or an infinite weight."""
    return _run(market, weights, rules, weights=True)


def run_orders(market: Market, units: FloatArray, rules: Rules) -> Result:
    """Trade `units` (T, N), positive to buy, decided at close t and traded on day t + 1; NaN is no order. Raises
    BadWishes."""
    return _run(market, units, rules, weights=False)


def checked(market: Market, wishes: FloatArray) -> FloatArray:
    """`wishes` as a contiguous matrix of the market's shape. Raises BadWishes."""
    matrix = np.ascontiguousarray(wishes, dtype=np.float64)
    if matrix.shape != market.close.shape:
        raise BadWishes(f"weights or orders have shape {matrix.shape}, the market {market.close.shape}")
    if np.isinf(matrix).any():
        raise BadWishes("a weight or order is infinite: use NaN for none")
    return matrix


def result_of(market: Market, rules: Rules, path: tuple[FloatArray, FloatArray], trades: Trades, orders: int) -> Result:
    """What either gear hands back; `path` is equity and cash."""
    return Result(
        dates=market.dates,
        symbols=market.symbols,
        equity=path[0],
        cash=path[1],
        trades=trades,
        orders=orders,
        rules=rules,
        survivorship=market.survivorship,
        benchmark=market.benchmark,
        cash_rate=market.cash_rate,
    )


def _run(market: Market, wishes: FloatArray, rules: Rules, *, weights: bool) -> Result:
    # Here, because it brings numba: who only reads results does not pay for a compiler.
    from lakehouse.backtest import kernel

    matrix = checked(market, wishes)
    room = int(np.count_nonzero(~np.isnan(matrix))) + matrix.shape[1]
    fills = kernel.Fills(
        np.zeros(1, dtype=np.int64),
        np.empty(room, dtype=np.int64),
        np.empty(room, dtype=np.int64),
        np.empty(room),
        np.empty(room),
        np.empty(room),
        np.empty(room, dtype=np.bool_),
    )
    equity, cash = np.empty(market.days), np.empty(market.days)
    tape = tape_of(market, rules)
    orders = kernel.run(matrix, tape, terms_of(rules), fills, equity, cash, weights)
    used = slice(0, int(fills.made[0]))
    trades = Trades(
        fills.day[used],
        fills.column[used],
        fills.units[used],
        fills.price[used],
        fills.fee[used],
        fills.delisting[used],
    )
    return result_of(market, rules, (equity, cash), trades, orders)
