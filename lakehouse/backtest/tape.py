"""A market and rules as plain numbers: what both gears read."""

from typing import Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lakehouse.backtest.market import IntArray, Market, adjusted_close
from lakehouse.backtest.rules import TRADING_DAYS, Fill, Rules
from lakehouse.risk.checks import FloatArray

LIQUIDITY_DAYS: Final = 20
"""Days behind average turnover and volatility of the impact."""
BPS: Final = 1e-4


class Tape(NamedTuple):
    """What happens to the account: (T, N) fill and close prices, volume, average daily turnover (currency) and daily
    volatility as of each close; sparse actions; rates a day; delistings."""

    fill: FloatArray
    close: FloatArray
    volume: FloatArray
    turnover: FloatArray
    volatility: FloatArray
    action_day: IntArray
    action_column: IntArray
    split: FloatArray
    dividend: FloatArray
    cash_rate: FloatArray
    last_bar: IntArray
    delisting_return: FloatArray


class Terms(NamedTuple):
    """The rules as numbers; rates are a day's."""

    initial_cash: float
    commission: float
    per_share: float
    minimum: float
    half_spread: float
    impact: float
    max_gross: float
    lot: float
    max_volume_share: float
    borrow: float
    margin_spread: float
    min_trade: float


def fill_prices(market: Market, rules: Rules) -> FloatArray:
    """(T, N) prices at which market orders are filled, before slippage."""
    return market.open if rules.fill is Fill.NEXT_OPEN else market.close


def liquidity(market: Market, rules: Rules) -> tuple[FloatArray, FloatArray]:
    """(T, N) average turnover in currency and daily volatility over the days up to each close; zero where unknown.

    Empty matrices where the rules have no impact.
    """
    if rules.costs.impact == 0:
        return np.zeros((0, 0)), np.zeros((0, 0))
    turnover, volatility = np.zeros_like(market.close), np.zeros_like(market.close)
    if market.days > LIQUIDITY_DAYS:
        traded = np.nan_to_num(market.close * market.volume)
        prices = adjusted_close(market)
        change = np.nan_to_num(prices[1:] / prices[:-1] - 1.0)
        turnover[LIQUIDITY_DAYS:] = sliding_window_view(traded, LIQUIDITY_DAYS, axis=0)[1:].mean(axis=-1)
        volatility[LIQUIDITY_DAYS:] = sliding_window_view(change, LIQUIDITY_DAYS, axis=0).std(axis=-1, ddof=1)
    return turnover, volatility


def tape_of(market: Market, rules: Rules) -> Tape:
    """What happens in the market, by these rules."""
    turnover, volatility = liquidity(market, rules)
    actions = sorted(market.actions, key=lambda one: one.day)
    return Tape(
        np.ascontiguousarray(fill_prices(market, rules)),
        np.ascontiguousarray(market.close),
        np.ascontiguousarray(market.volume),
        turnover,
        volatility,
        np.array([one.day for one in actions], dtype=np.int64),
        np.array([one.column for one in actions], dtype=np.int64),
        np.array([one.split for one in actions], dtype=np.float64),
        np.array([one.dividend for one in actions], dtype=np.float64),
        market.cash_rate,
        market.last_bar,
        market.delisting_return,
    )


def terms_of(rules: Rules) -> Terms:
    """The rules as shares of an amount and rates of a day."""
    costs = rules.costs
    return Terms(
        rules.initial_cash,
        costs.commission_bps * BPS,
        costs.per_share,
        costs.minimum,
        costs.half_spread_bps * BPS,
        costs.impact,
        rules.max_gross,
        rules.lot,
        rules.max_volume_share,
        rules.borrow_rate / TRADING_DAYS,
        rules.margin_spread / TRADING_DAYS,
        rules.min_trade,
    )
