"""Choosing parameters as one would have: by the past, judged on what came after, with every trial counted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lakehouse.backtest.market import BacktestError, Market
from lakehouse.backtest.result import Result
from lakehouse.backtest.rules import Rules
from lakehouse.backtest.sharpe import track_of
from lakehouse.backtest.splits import CombinatorialPurged, Fold, WalkForward
from lakehouse.backtest.strategies.kit import Strategy
from lakehouse.backtest.vectorised import run_weights
from lakehouse.risk.checks import FloatArray


class NothingToChoose(BacktestError):
    """No strategy was handed in."""


@dataclass(frozen=True, slots=True)
class Trials:
    """All variants on the whole market. `returns` (T - 1, K) of a day above the cash rate; `sharpes` (K,) of a day."""

    weights: tuple[FloatArray, ...]
    results: tuple[Result, ...]
    returns: FloatArray
    sharpes: FloatArray

    @property
    def variance(self) -> float:
        """Of the Sharpe ratios, ddof 1; 0 for a single trial."""
        return float(self.sharpes.var(ddof=1)) if len(self.sharpes) > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Walked:
    """What choosing anew at each fold gave. `result` is of the tested days only, costs of changing over included;
    `chosen` (F,) is the place of each fold's strategy."""

    result: Result
    chosen: tuple[int, ...]
    folds: tuple[Fold, ...]


def try_all(market: Market, strategies: Sequence[Strategy], rules: Rules) -> Trials:
    """Run every variant; each result knows how many there were. Raises NothingToChoose."""
    if not strategies:
        raise NothingToChoose("hand in at least one strategy")
    weights = tuple(strategy.weights(market) for strategy in strategies)
    results = [run_weights(market, each, rules) for each in weights]
    returns = np.column_stack([result.excess for result in results])
    sharpes = np.array([track_of(column).sharpe for column in returns.T])
    variance = float(sharpes.var(ddof=1)) if len(sharpes) > 1 else 0.0
    told = tuple(result.tried(len(strategies), variance) for result in results)
    return Trials(weights, told, returns, sharpes)


def walk(market: Market, trials: Trials, rules: Rules, plan: WalkForward) -> Walked:
    """At each fold take the variant with the best Sharpe ratio of the training days, and trade it on the test days.

    The weights of a variant are causal, so that those of the test days may be taken from its run over all days.
    """
    folds = tuple(plan.folds(market.days - 1))
    stitched = np.full_like(market.close, np.nan)
    chosen = []
    for fold in folds:
        best = int(
            np.argmax([track_of(trials.returns[fold.train, each]).sharpe for each in range(len(trials.weights))])
        )
        chosen.append(best)
        # The return at place d is earned from the close of day d to that of d + 1.
        first, last = int(fold.test[0]), int(fold.test[-1])
        stitched[first : last + 1] = trials.weights[best][first : last + 1]
        stitched[first] = _standing(trials.weights[best], first)
    begin, end = int(folds[0].test[0]), int(folds[-1].test[-1]) + 2
    result = run_weights(market.between(begin, end), stitched[begin:end], rules)
    return Walked(result.tried(len(trials.weights), trials.variance), tuple(chosen), folds)


def overfitting(trials: Trials, plan: CombinatorialPurged) -> float:
    """The probability of backtest overfitting: how often the best variant in training is below the median in the test.

    Bailey, Borwein, Lopez de Prado and Zhu: "The Probability of Backtest Overfitting", Journal of Computational Finance
    20(4), 2017, with purged folds in place of symmetric ones. Raises NothingToChoose for fewer than two variants.
    """
    count = len(trials.weights)
    if count < 2:
        raise NothingToChoose("overfitting is choosing among at least two variants")
    below = total = 0
    for fold in plan.folds(len(trials.returns)):
        trained, tested = (_sharpes(trials.returns[days]) for days in (fold.train, fold.test))
        below += int(tested[int(np.argmax(trained))] < np.median(tested))
        total += 1
    return below / total


def _sharpes(returns: FloatArray) -> FloatArray:
    return np.array([track_of(column).sharpe for column in returns.T])


def _standing(weights: FloatArray, day: int) -> FloatArray:
    """What the strategy last decided on or before `day`, instrument by instrument; 0 where it never has."""
    known = ~np.isnan(weights[: day + 1])
    last = day - known[::-1].argmax(axis=0)
    return np.where(known.any(axis=0), weights[last, np.arange(weights.shape[1])], 0.0)
