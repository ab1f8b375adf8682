"""What a strategy is compared with where there is no index: its own instruments, bought and held."""

from dataclasses import replace

from lakehouse.backtest.market import Market
from lakehouse.backtest.rules import Costs, Rules
from lakehouse.backtest.strategies.buy_and_hold import BuyAndHold
from lakehouse.backtest.vectorised import run_weights
from lakehouse.risk.checks import FloatArray


def bought_and_held(market: Market, rules: Rules) -> FloatArray:
    """(T,) total return index from 1 of equal parts of the market's instruments, bought on the second day and held:
    dividends and what delisted ones paid stay in cash. Fills are those of `rules`, in fractions and without costs."""
    free = replace(rules, costs=Costs(), lot=0.0, max_volume_share=0.0, min_trade=0.0)
    index: FloatArray = run_weights(market, BuyAndHold().weights(market), free).equity / free.initial_cash
    return index
