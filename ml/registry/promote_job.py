"""The job `promote_models`: puts every challenger to use that its gate has accepted."""

import sys
from collections.abc import Sequence

import structlog

from lakehouse.cli.jobs import Asked
from lakehouse.clock import Clock
from lakehouse.contracts.jobs import PROMOTE_MODELS
from lakehouse.settings import Settings, load
from ml.inference.models import Models
from ml.registry.formats import PickleRefused
from ml.registry.names import CHALLENGER
from ml.registry.promotions import Decision, Promoter, PromotionRefused
from ml.training.job import run_training

log = structlog.get_logger(__name__)
BY_GATE = Decision(approver="gate", reason="the gate accepted it")
AFTER_APPROVAL = Decision(
    approver="gate and a person", reason="the gate accepted it, and the run of promote_models was approved"
)


def promote_accepted(settings: Settings, *, clock: Clock) -> int:
    """Promote each challenger that may be, one model after the other; returns how many were. A refusal is logged with
    its words and fails nothing: the champion stays. Raises RegistryUnavailableError, PostgresUnavailable."""
    models = Models(settings.mlflow, settings.home / "models")
    promoter = Promoter(settings.postgres, models, clock)
    decision = AFTER_APPROVAL if settings.mlflow.approval else BY_GATE
    done = 0
    try:
        for each in models.store.names():
            if CHALLENGER not in each.aliases:
                continue
            try:
                row = promoter.promote(each.name, decision)
            except (PromotionRefused, PickleRefused) as error:
                log.warning("not_promoted", model=each.name, reason=str(error))
                continue
            done += 1
            log.info("promoted", model=row.model, version=row.to_version, instead_of=row.from_version)
    finally:
        models.close()
    return done


def work(asked: Asked) -> dict[str, int]:
    """Promote what may be promoted; counts the rows that were added to the record."""
    return {"ops.model_promotion": promote_accepted(load(), clock=asked.clock)}


def main(arguments: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Run as the job's process. Returns the exit status."""
    return run_training(PROMOTE_MODELS, work, arguments, clock=clock)


if __name__ == "__main__":
    sys.exit(main())
