"""A training of the regime model from moves to a verdict: every fold filtered forward, beside two plain forecasts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from itertools import pairwise
from typing import Final

import numpy as np
from scipy.stats import norm

from lakehouse.construction.regime import Regime
from lakehouse.contracts.tables.gold import RETURNS_DAILY
from lakehouse.risk.checks import FloatArray
from ml.evaluation import calibration
from ml.evaluation.calibration import Coverage, quantile_coverage
from ml.evaluation.drift import Drift, drift
from ml.evaluation.gate import Floor, FrozenSet, Scores, Verdict, judge
from ml.evaluation.walk_forward import last_folds
from ml.features.market import MarketMoves
from ml.inference.regime import Filtered, RegimeChain, forward_filter
from ml.training.forecast.panel import HistoryError
from ml.training.regime.fit import LEAST_DAYS, fit

LEVELS: Final = (0.01, 0.05, 0.5, 0.95, 0.99)
EWMA: Final = 0.94
PURGE: Final = 1
EXPOSURE: Final = {Regime.BULL: 1.0, Regime.SIDEWAYS: 0.5, Regime.BEAR: 0.0}
"""Share of the market held after a day in each regime, for the cost-aware comparison."""
FLOORS: Final = (
    Floor(metric="mean_gain_over_normal", at_least=0.0, why="days of all folds foretold better than by one normal"),
    Floor(metric="days_in_a_regime", at_least=5.0, why="regimes that last long enough to act on"),
    Floor(metric="named_regimes", at_least=3.0, why="a bull, a bear and a sideways state"),
    # Three standard deviations of the share in 250 days, either way.
    Floor(metric="covered_05", at_least=0.01, at_most=0.10, why="days of the frozen set below the 5 % quantile"),
    Floor(metric="covered_95", at_least=0.90, at_most=0.99, why="days of the frozen set below the 95 % quantile"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """`folds` tests of `test_days`; `years` of history; `cost_bps` of what is traded when the regime changes."""

    folds: int = 4
    test_days: int = 250
    years: int = 15
    cost_bps: float = 5.0
    seed: int = 0

    def document(self) -> dict[str, int | float]:
        """As parameters of a run."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Study:
    """`chain` is the last fold's, whose test days, the last of `moves`, are `frozen`."""

    chain: RegimeChain
    moves: MarketMoves
    metrics: Mapping[str, float]
    folds: Sequence[Mapping[str, float]]
    scores: Scores
    frozen: FrozenSet
    coverage: Sequence[Coverage]
    drift: Sequence[Drift]


def study(moves: MarketMoves, delta_version: int, chosen: Parameters) -> Study:
    """Fit and test every fold; a shorter history has fewer. Raises HistoryError for one without any, FitFailed."""
    possible = (len(moves.days) - LEAST_DAYS - PURGE) // chosen.test_days
    if possible < 1:
        needed = LEAST_DAYS + PURGE + chosen.test_days
        raise HistoryError(f"{len(moves.days)} days of the market cannot be trained on: {needed} are needed")
    count = min(chosen.folds, possible)
    folds = last_folds(
        len(moves.days), folds=count, test=chosen.test_days, embargo=0, purge=PURGE, least_train=LEAST_DAYS
    )
    told: list[dict[str, float]] = []
    for fold in folds:
        chain = fit(moves.log_returns[fold.train])
        told.append(measures(chain, moves.log_returns[: fold.test[-1] + 1], len(fold.test)))
    tested = slice(len(moves.days) - chosen.test_days, None)
    days = [each for each in moves.days[tested][[0, -1]].astype(object) if isinstance(each, date)]
    frozen = FrozenSet(table=RETURNS_DAILY.name, delta_version=delta_version, first=days[0], last=days[1])
    below = told_quantiles(chain, moves.log_returns)[tested]
    coverage = quantile_coverage(below, np.tile(LEVELS, (len(below), 1)), LEVELS)
    trained = folds[-1].train
    moved = drift(
        {"log_return": moves.log_returns[trained], "breadth": moves.breadth[trained]},
        {"log_return": moves.log_returns[tested], "breadth": moves.breadth[tested]},
    )
    mean = float(np.mean([fold["gain_over_normal"] for fold in told]))
    metrics = {**told[-1], "mean_gain_over_normal": mean, **calibration.as_metrics(coverage)}
    scores = scored(chain, moves.log_returns, chosen, metrics)
    return Study(chain, moves, metrics, told, scores, frozen, coverage, moved)


def verdict(made: Study, champion: RegimeChain | None, version: int | None, chosen: Parameters) -> Verdict:
    """What the gate says, the champion being scored on the very same days. Raises GateError."""
    theirs = None if champion is None else scored(champion, made.moves.log_returns, chosen, {})
    return judge(made.scores, theirs, floors=FLOORS, frozen=made.frozen, champion_version=version, seed=chosen.seed)


def measures(chain: RegimeChain, log_returns: FloatArray, test: int) -> dict[str, float]:
    """How the last `test` days were foretold, and how long regimes last; logarithmic scores, higher is better."""
    found = forward_filter(chain, log_returns)
    states = _regimes(chain, found)[-test:]
    changes = sum(before is not after for before, after in pairwise(states))
    score = float(found.log_densities[-test:].mean())
    plain, smooth = (float(each[-test:].mean()) for each in (_normal(log_returns, test), _smoothed(log_returns)))
    return {
        "log_score": score,
        "log_score_normal": plain,
        "log_score_ewma": smooth,
        "gain_over_normal": score - plain,
        "gain_over_ewma": score - smooth,
        "days_in_a_regime": len(states) / (changes + 1),
        "named_regimes": float(len(set(chain.names))),
        **{f"share_{regime}": states.count(regime) / len(states) for regime in Regime},
    }


def scored(chain: RegimeChain, log_returns: FloatArray, chosen: Parameters, metrics: Mapping[str, float]) -> Scores:
    """Losses are negative log densities; payoffs the return of holding the market by yesterday's regime, less costs."""
    found = forward_filter(chain, log_returns)
    held = np.array([EXPOSURE[regime] for regime in _regimes(chain, found)])
    traded = np.abs(np.diff(held, prepend=held[:1]))
    earned = held[:-1] * np.expm1(log_returns[1:]) - traded[:-1] * chosen.cost_bps / 1e4
    days = chosen.test_days
    return Scores(losses=-found.log_densities[-days:], payoffs=earned[-days:], metrics=metrics)


def told_quantiles(chain: RegimeChain, log_returns: FloatArray) -> FloatArray:
    """(T,) where each day's return lies in the distribution foretold for it: uniform for a true model."""
    after = forward_filter(chain, log_returns).probabilities
    before = np.vstack([chain.initial, after[:-1] @ chain.transition])
    places: FloatArray = (before * norm.cdf(log_returns[:, None], chain.means, chain.deviations)).sum(axis=1)
    return places


def _regimes(chain: RegimeChain, found: Filtered) -> list[Regime]:
    return [chain.names[place] for place in found.probabilities.argmax(axis=1)]


def _normal(log_returns: FloatArray, test: int) -> FloatArray:
    known = log_returns[:-test]
    density: FloatArray = norm.logpdf(log_returns, known.mean(), known.std())
    return density


def _smoothed(log_returns: FloatArray) -> FloatArray:
    """Normal with the exponentially weighted variance of the days before (RiskMetrics 1996)."""
    variances = np.empty(len(log_returns))
    variance = float(np.var(log_returns[:LEAST_DAYS]))
    for day, move in enumerate(log_returns):
        variances[day] = variance
        variance = EWMA * variance + (1 - EWMA) * float(move) ** 2
    density: FloatArray = norm.logpdf(log_returns, 0.0, np.sqrt(variances))
    return density
