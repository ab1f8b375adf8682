"""The job `train_regime`: `python -m ml.training.regime --business-date YYYY-MM-DD`."""

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import structlog

from lakehouse.cli.jobs import Asked
from lakehouse.clock import Clock
from lakehouse.contracts.jobs import TRAIN_REGIME
from lakehouse.contracts.tables.gold import RETURNS_DAILY
from lakehouse.contracts.tables.model_quality import MODEL_QUALITY
from lakehouse.settings import Settings, load
from ml.evaluation.drift import as_metrics
from ml.evaluation.gate import Verdict
from ml.features.market import MarketMoves, market_moves
from ml.inference.models import in_use
from ml.inference.regime import forward_filter, to_document
from ml.inference.regime_model import KIND, NAME, regime_chain
from ml.registry.candidate import Candidate
from ml.registry.origin import code_version
from ml.registry.registering import Registered, register
from ml.registry.saving import save_arrays
from ml.training import quality
from ml.training.forecast.panel import History, read
from ml.training.job import run_training
from ml.training.regime.picture import picture
from ml.training.regime.study import Parameters, Study, study, verdict

log = structlog.get_logger(__name__)
EXAMPLES = 4


def train(settings: Settings, day: date, chosen: Parameters, *, clock: Clock) -> dict[str, int]:
    """Train on the table's newest version, judge against the champion, register as the challenger, record the quality.

    Raises HistoryError, LakeError, InvalidParameter, FitFailed, RegistryUnavailableError, MlflowUnavailableError,
    QualityStoreError.
    """
    champion = in_use(settings, NAME)
    history = read(settings.s3, until=day, years=chosen.years)
    made = study(moves_of(history), history.delta_version, chosen)
    said = verdict(
        made,
        None if champion is None else regime_chain(champion),
        None if champion is None else champion.version,
        chosen,
    )
    done = _register(settings, day, chosen, (made, said, history.delta_version), clock)
    log.info("trained", model=done.name, version=done.version, accepted=said.accepted, reasons=list(said.reasons))
    rows = [
        *quality.of_folds(made.folds),
        *quality.of_frozen(RETURNS_DAILY.name, made.metrics, len(made.scores.losses)),
        *quality.of_coverage(made.coverage, independent=True),
        *quality.of_drift(made.drift),
    ]
    return {MODEL_QUALITY.name: quality.record(settings.clickhouse, done, day, rows, clock=clock)}


def moves_of(history: History) -> MarketMoves:
    """The market of all names of a history."""
    days = np.concatenate([days for days, _ in history.series.values()] or [np.empty(0, "datetime64[D]")])
    returns = np.concatenate([series for _, series in history.series.values()] or [np.empty(0)])
    return market_moves(days, np.expm1(returns))


def _register(
    settings: Settings, day: date, chosen: Parameters, found: tuple[Study, Verdict, int], clock: Clock
) -> Registered:
    made, said, delta_version = found
    chain, moves = made.chain, made.moves.log_returns
    with TemporaryDirectory() as place:
        folder = save_arrays(
            {
                "means": chain.means,
                "deviations": chain.deviations,
                "transition": chain.transition,
                "initial": chain.initial,
            },
            moves[-EXAMPLES:, None],
            forward_filter(chain, moves).probabilities[-EXAMPLES:],
            Path(place) / "model",
            document={
                "kind": KIND,
                "chain": to_document(chain),
                "unit": "daily log return of all names in equal weights",
                "trained_on": {RETURNS_DAILY.name: delta_version},
                "judged_on": str(made.frozen),
            },
        )
        candidate = Candidate(
            name=NAME,
            folder=folder,
            business_date=day,
            seed=chosen.seed,
            params=chosen.document(),
            data_versions={RETURNS_DAILY.name: delta_version},
            metrics={**made.metrics, **as_metrics(tuple(made.drift))},
            fold_metrics=made.folds,
            plots={"frozen_set.png": picture(made)},
            tags={"tidemark.code": code_version()},
            description=f"Three states of the market, filtered forward only; judged on {made.frozen}.",
            verdict=said,
        )
        return register(settings.mlflow, candidate, clock=clock)


def work(asked: Asked) -> dict[str, int]:
    """Train for the day that is asked for."""
    return train(load(), asked.day, Parameters(), clock=asked.clock)


def main(arguments: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Run as the job's process. Returns the exit status."""
    return run_training(TRAIN_REGIME, work, arguments, clock=clock)


if __name__ == "__main__":
    sys.exit(main())
