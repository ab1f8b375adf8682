"""One strategy studied: every variant tried, the best one checked, and parameters walked forward. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lakehouse.backtest.causality import prove
from lakehouse.backtest.event import play_weights
from lakehouse.backtest.gate import require_equal
from lakehouse.backtest.market import Market
from lakehouse.backtest.result import Result
from lakehouse.backtest.strategies.registry import build, document
from lakehouse.backtest.walk_forward import Trials, Walked, overfitting, try_all, walk
from spark_jobs.strategy_backtests.parameters import Parameters, variants

TRIAL, WALK_FORWARD = "trial", "walk_forward"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of gold.strategy_runs_v1. Equity and trades are kept of the best ones."""

    strategy: str
    kind: str
    trial: int
    parameters: Mapping[str, object]
    result: Result
    overfitting: float | None
    is_best: bool


def study(market: Market, name: str, chosen: Parameters) -> Iterator[Outcome]:
    """Every trial of the strategy's grid, and its walk-forward where the history is long enough for one.

    Raises LookAhead and GearsDisagree: a strategy that cheats, or an engine that errs, publishes nothing.
    """
    told = variants(chosen.grids[name])
    strategies = [build(name, each) for each in told]
    trials = try_all(market, strategies, chosen.rules)
    best = int(np.argmax(trials.sharpes))
    recent = market.between(max(0, market.days - chosen.proof_days), market.days)
    evidence = prove(strategies[best], recent, seed=chosen.seed, cuts=chosen.cuts)
    require_equal(trials.results[best], play_weights(market, trials.weights[best], chosen.rules).result)
    evidence = f"{evidence}; the event-driven gear gave the same trades and equity"
    overfit = overfitting(trials, chosen.folds) if len(told) > 1 and market.days > 10 * chosen.groups else None
    for place, result in enumerate(trials.results):
        parameters = document(strategies[place])
        said = evidence if place == best else "as the best of its trials, which was checked"
        yield Outcome(name, TRIAL, place, parameters, result.checked(said), overfit, place == best)
    if walked := _walked(market, trials, chosen):
        names = ("train_days", "test_days", "purge_days", "embargo_days")
        parameters = {name: getattr(chosen, name) for name in names}
        starts = [str(market.dates[int(fold.test[0])]) for fold in walked.folds]
        choices = [{"from": day, **told[place]} for day, place in zip(starts, walked.chosen, strict=True)]
        result = walked.result.checked(evidence)
        yield Outcome(name, WALK_FORWARD, 0, {**parameters, "chosen": choices}, result, overfit, True)


def _walked(market: Market, trials: Trials, chosen: Parameters) -> Walked | None:
    gap = chosen.purge_days + chosen.embargo_days
    if market.days - 1 <= chosen.train_days + gap + 1:
        return None
    return walk(market, trials, chosen.rules, chosen.plan)
