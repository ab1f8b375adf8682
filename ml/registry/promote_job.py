"""The job `promote_models`: puts every challenger of the day to use that its gate has accepted."""

import sys
from collections.abc import Sequence
from datetime import date
from typing import Final

import structlog

from lakehouse.cli.jobs import Asked
from lakehouse.clock import Clock
from lakehouse.contracts.job_process import JobExit
from lakehouse.contracts.jobs import PROMOTE_MODELS
from lakehouse.errors import TidemarkError
from lakehouse.settings import Settings, load
from lakehouse.stores.models import NoSuchModelError, StrangeArtifactError
from ml.inference.models import Models
from ml.registry.formats import PickleRefused
from ml.registry.names import CHALLENGER, TRAINED_FOR
from ml.registry.promotions import Decision, Promoter, PromotionRefused
from ml.training.job import run_training

log = structlog.get_logger(__name__)
BY_GATE = Decision(approver="gate", reason="the gate accepted it")
APPROVED: Final = "the gate accepted it, and the approver the day's promotions, in Airflow"
REFUSALS: Final = (PromotionRefused, PickleRefused, NoSuchModelError, StrangeArtifactError)


class NotApproved(TidemarkError):
    """Promotions need a person's approval here, and the run names nobody who gave it."""

    exit_code = JobExit.DATA


def promote_accepted(settings: Settings, day: date, *, clock: Clock, approver: str | None = None) -> int:
    """Promote each challenger of the day's trainings that may be, one model after the other; returns how many were.
    The record names `approver`, or the gate where nobody was asked.

    A model whose training for the day has failed keeps its champion, and so does one that is refused: that is logged
    with its words and fails nothing. Raises NotApproved, RegistryUnavailableError, PostgresUnavailable.
    """
    decision = _decision(approver, is_needed=settings.mlflow.approval)
    with Models.of(settings) as models:
        promoter = Promoter(settings.postgres, models, clock)
        challengers = [each.name for each in models.store.names() if CHALLENGER in each.aliases]
        return sum(_promote(promoter, models, name, day, decision) for name in challengers)


def _decision(approver: str | None, *, is_needed: bool) -> Decision:
    if approver:
        return Decision(approver=approver, reason=APPROVED)
    if is_needed:
        raise NotApproved(
            "a person approves promotions here, and nobody is named: answer the task approve_promote_models in "
            "Airflow, or promote one model yourself by `tidemark model promote NAME --approve REASON`"
        )
    return BY_GATE


def _promote(promoter: Promoter, models: Models, name: str, day: date, decision: Decision) -> bool:
    try:
        challenger = models.store.by_alias(name, CHALLENGER)
        trained_for = challenger.tags.get(TRAINED_FOR, "no day")
        if trained_for != day.isoformat():
            raise PromotionRefused(f"its challenger was trained for {trained_for}, not for {day}: the champion stays")
        row = promoter.promote(name, decision, version=challenger.version)
    except REFUSALS as error:
        log.warning("not_promoted", model=name, reason=str(error))
        return False
    log.info("promoted", model=name, version=row.to_version, instead_of=row.from_version)
    return True


def work(asked: Asked) -> dict[str, int]:
    """Promote what may be promoted; counts the rows that were added to the record."""
    return {"ops.model_promotion": promote_accepted(load(), asked.day, clock=asked.clock, approver=asked.approver)}


def main(arguments: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Run as the job's process. Returns the exit status."""
    return run_training(PROMOTE_MODELS, work, arguments, clock=clock)


if __name__ == "__main__":
    sys.exit(main())
