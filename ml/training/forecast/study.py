"""A training from samples to a verdict: walk-forward folds, baselines on the same days, and the gate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from lakehouse.backtest.market import IntArray
from lakehouse.contracts.tables.gold import RETURNS_DAILY
from lakehouse.risk.checks import FloatArray
from ml.evaluation.calibration import Coverage, quantile_coverage
from ml.evaluation.drift import Drift, drift
from ml.evaluation.gate import Floor, FrozenSet, Scores, Verdict, judge
from ml.evaluation.gate_tests import diebold_mariano
from ml.evaluation.walk_forward import last_folds
from ml.features.returns import LEAST_RETURNS, NAMES
from ml.inference.forecast import LEVELS, NAME, Forecast, Forecaster
from ml.training.forecast import baselines
from ml.training.forecast.network import Network, arrays_of, fit
from ml.training.forecast.panel import Panel
from ml.training.forecast.parameters import Parameters
from ml.training.forecast.scoring import score

SIGNIFICANT = 0.05
FLOORS = (
    Floor(metric="beats_naive", at_least=1.0, why="over all tests of the walk, by a Diebold-Mariano test at 5 %"),
    Floor(metric="inside_90", at_least=0.85, at_most=0.95, why="returns between the 5 % and 95 % quantiles"),
    Floor(metric="below_01", at_least=0.002, at_most=0.025, why="returns below the 1 % quantile"),
    Floor(
        metric="surprise_deviation", at_least=0.75, at_most=1.33, why="returns over the volatility forecast for them"
    ),
)


@dataclass(frozen=True, slots=True)
class Study:
    """`network` is that of the last fold, whose test is `frozen`: rows `test` (N,) of the panel, on `dates`. `scores`
    and `coverage` are of that test, and so are `metrics`, but for the comparisons with baselines, which are over the
    tests of all folds; `drift` compares the inputs of the test with those trained on."""

    network: Network
    example: FloatArray
    metrics: Mapping[str, float]
    fold_metrics: Sequence[Mapping[str, float]]
    scores: Mapping[str, Scores]
    frozen: FrozenSet
    test: IntArray
    coverage: Sequence[Coverage]
    drift: Sequence[Drift]
    dates: np.ndarray[tuple[int], np.dtype[np.datetime64]]


def study(panel: Panel, delta_version: int, chosen: Parameters) -> Study:
    """Fit and test every fold. Raises InvalidParameter for a history that is too short."""
    folds = last_folds(
        len(panel.dates) - 1,
        folds=chosen.folds,
        test=chosen.test_days,
        embargo=chosen.embargo,
        least_train=LEAST_RETURNS + chosen.test_days,
    )
    tested: list[dict[str, Scores]] = []
    for fold in folds:
        train, test = (np.flatnonzero(np.isin(panel.day, days)) for days in (fold.train, fold.test))
        network = fit(panel.inputs[train], panel.following[train] / panel.scale[train], chosen.recipe, seed=chosen.seed)
        forecasts = _forecasts(panel, train, test, network)
        tested.append({name: score(panel, test, each, cost_bps=chosen.cost_bps) for name, each in forecasts.items()})
    days = panel.dates[[folds[-1].test[0], folds[-1].test[-1]]].astype(object)
    first, last = (each for each in days if isinstance(each, date))
    frozen = FrozenSet(table=RETURNS_DAILY.name, delta_version=delta_version, first=first, last=last)
    told = [{**scores[NAME].metrics, **_compared(scores)} for scores in tested]
    metrics = {**told[-1], **_compared(_joined(tested)), "test_days": float(len(folds) * chosen.test_days)}
    return Study(
        network,
        panel.inputs[test[:4]],
        metrics,
        told,
        tested[-1],
        frozen,
        test,
        quantile_coverage(panel.following[test], forecasts[NAME].quantiles, LEVELS),
        drift(_inputs(panel, train), _inputs(panel, test)),
        panel.dates[folds[-1].test],
    )


def verdict(panel: Panel, made: Study, champion: Forecaster | None, chosen: Parameters) -> Verdict:
    """What the gate says, the champion being scored on the very same days. Raises GateError."""
    ours = Scores(losses=made.scores[NAME].losses, payoffs=made.scores[NAME].payoffs, metrics=made.metrics)
    theirs = None
    if champion is not None:
        told = champion.at(panel.inputs[made.test], panel.scale[made.test])
        theirs = score(panel, made.test, told, cost_bps=chosen.cost_bps)
    return judge(
        ours,
        theirs,
        floors=FLOORS,
        frozen=made.frozen,
        champion_version=None if champion is None else champion.version,
        seed=chosen.seed,
    )


def _inputs(panel: Panel, rows: IntArray) -> dict[str, FloatArray]:
    """What the network sees of the newest day of each row, by feature, and the volatility that it is scaled by."""
    newest = {name: panel.inputs[rows, -1, place] for place, name in enumerate(NAMES)}
    return {**newest, "volatility": panel.scale[rows]}


def _forecasts(panel: Panel, train: IntArray, test: IntArray, network: Network) -> dict[str, Forecast]:
    arrays = {name: np.asarray(each, dtype=np.float64) for name, each in arrays_of(network).items()}
    ours = Forecaster(NAME, 0, LEVELS, arrays).at(panel.inputs[test], panel.scale[test])
    return {
        NAME: ours,
        "naive": baselines.naive(panel, test),
        "ewma_normal": baselines.smoothed(panel, test),
        "ar_garch": baselines.ar_garch(panel, test, trained=train),
    }


def _joined(tested: Sequence[Mapping[str, Scores]]) -> dict[str, Scores]:
    """The test days of all folds as one history: each was forecast by a network that had not seen it."""
    return {
        name: Scores(
            losses=np.concatenate([scores[name].losses for scores in tested]),
            payoffs=np.concatenate([scores[name].payoffs for scores in tested]),
            metrics={},
        )
        for name in tested[0]
    }


def _compared(scores: Mapping[str, Scores]) -> dict[str, float]:
    """Each forecaster's mean loss and payoff, and whether the network beats the baselines by more than chance."""
    ours = scores[NAME]
    found: dict[str, float] = {}
    for name, each in scores.items():
        if name == NAME:
            continue
        compared = diebold_mariano(ours.losses, each.losses)
        better = compared.gain > 0 and compared.p_value < SIGNIFICANT
        found |= {
            f"pinball_bps_{name}": float(each.losses.mean()),
            f"payoff_bps_{name}": float(each.payoffs.mean()),
            f"gain_bps_{name}": compared.gain,
            f"p_value_{name}": compared.p_value,
            f"beats_{name}": float(better),
        }
    return found
