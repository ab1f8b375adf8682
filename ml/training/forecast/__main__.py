"""The job `train_forecast`: `python -m ml.training.forecast --business-date YYYY-MM-DD`."""

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from lakehouse.cli.jobs import Asked
from lakehouse.clock import Clock
from lakehouse.contracts.jobs import TRAIN_FORECAST
from lakehouse.contracts.tables.gold import RETURNS_DAILY
from lakehouse.contracts.tables.model_quality import MODEL_QUALITY
from lakehouse.risk.checks import RiskError
from lakehouse.settings import Settings, load
from ml.evaluation.drift import as_metrics
from ml.evaluation.gate import Verdict
from ml.inference.forecast import FEATURES, KIND, LEVELS, NAME, forecaster
from ml.inference.models import in_use
from ml.registry.candidate import Candidate
from ml.registry.origin import code_version
from ml.registry.registering import Registered, register
from ml.registry.saving import save_torch
from ml.training import quality
from ml.training.forecast.network import arrays_of, device
from ml.training.forecast.panel import HistoryError, Panel, panel, read
from ml.training.forecast.parameters import Parameters
from ml.training.forecast.picture import picture
from ml.training.forecast.study import Study, study, verdict
from ml.training.job import run_training

log = structlog.get_logger(__name__)


def train(settings: Settings, day: date, chosen: Parameters, *, clock: Clock) -> tuple[Registered, dict[str, int]]:
    """Train on the table's newest version, judge against the champion, register as the challenger, record the quality.
    Idempotent for a day. Returns the version, and rows by output.

    Raises HistoryError, LakeError, RegistryUnavailableError, MlflowUnavailableError, PickleRefused, QualityStoreError,
    and UnusableModelError for a champion that this code cannot compute: roll it back first.
    """
    used = in_use(settings, NAME)
    champion = None if used is None else forecaster(used)
    history = read(settings.s3, until=day, years=chosen.years)
    found = panel(history, least_returns=chosen.least_returns)
    log.info("training", names=len(found.symbols), samples=len(found.scale), version=history.delta_version)
    try:
        made = study(found, history.delta_version, chosen)
    except RiskError as error:
        raise HistoryError(f"{RETURNS_DAILY.name} up to {day} cannot be trained on: {error}") from error
    said = verdict(found, made, champion, chosen)
    done = _register(settings, day, chosen, (found, made, said), clock)
    log.info("trained", version=done.version, is_new=done.is_new, accepted=said.accepted, reasons=list(said.reasons))
    rows = [
        *quality.of_folds(made.fold_metrics),
        *quality.of_frozen(RETURNS_DAILY.name, made.metrics, len(made.test)),
        *quality.of_coverage(made.coverage, independent=False),
        *quality.of_drift(made.drift),
    ]
    return done, {MODEL_QUALITY.name: quality.record(settings.clickhouse, done, day, rows, clock=clock)}


def _register(
    settings: Settings, day: date, chosen: Parameters, told: tuple[Panel, Study, Verdict], clock: Clock
) -> Registered:
    found, made, said = told
    delta_version = made.frozen.delta_version
    with TemporaryDirectory() as place:
        folder = save_torch(
            made.network,
            made.example,
            Path(place) / "model",
            arrays=arrays_of(made.network),
            document={
                "kind": KIND,
                "levels": list(LEVELS),
                "features": dict(FEATURES),
                "unit": "daily log return",
                "trained_on": {RETURNS_DAILY.name: delta_version},
                "judged_on": str(made.frozen),
            },
        )
        candidate = Candidate(
            name=NAME,
            folder=folder,
            business_date=day,
            seed=chosen.seed,
            params={**chosen.document(), "device": device(), "names": len(found.symbols)},
            data_versions={RETURNS_DAILY.name: delta_version},
            metrics={**made.metrics, **as_metrics(tuple(made.drift))},
            fold_metrics=made.fold_metrics,
            plots={"frozen_set.png": picture(made)},
            tags={"beats_naive": str(bool(made.metrics["beats_naive"])).lower(), "tidemark.code": code_version()},
            description=f"Quantiles and volatility of next-day log returns; judged on {made.frozen}.",
            verdict=said,
        )
        return register(settings.mlflow, candidate, clock=clock)


def work(asked: Asked) -> dict[str, int]:
    """Train for the day that is asked for."""
    return train(load(), asked.day, Parameters(), clock=asked.clock)[1]


def main(arguments: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Run as the job's process. Returns the exit status."""
    return run_training(TRAIN_FORECAST, work, arguments, clock=clock)


if __name__ == "__main__":
    sys.exit(main())
