"""Putting a candidate into the registry: one run, one model, one version with the alias challenger."""

import json
from dataclasses import dataclass

from lakehouse.clock import Clock
from lakehouse.settings import MlflowSettings
from ml.registry.candidate import Candidate, Scalar
from ml.registry.formats import check
from ml.registry.names import CHALLENGER, GATE, TRAINED_FOR


@dataclass(frozen=True, slots=True)
class Registered:
    """Where a candidate stands in the registry; `is_new` is False where the same training had put it there before."""

    name: str
    version: int
    run_id: str
    is_new: bool


def register(section: MlflowSettings, candidate: Candidate, *, clock: Clock) -> Registered:
    """Log the training and make the model the challenger. Idempotent by `candidate.identity`.

    Raises PickleRefused for a folder with anything in it that would run, MlflowUnavailableError.
    """
    # Here, because it takes seconds and much memory, and only trainings need it.
    from lakehouse.stores.mlflow import ModelRecord, log_model

    check(candidate.folder, candidate.name)
    record = ModelRecord(
        name=candidate.name,
        identity=candidate.identity,
        folder=candidate.folder,
        run_name=f"{candidate.name} {candidate.business_date}",
        description=candidate.description,
        parameters=_parameters(candidate),
        metrics=candidate.metrics,
        fold_metrics=candidate.fold_metrics,
        tags={**candidate.tags, TRAINED_FOR: candidate.business_date.isoformat(), **_gate(candidate)},
        files=candidate.plots,
    )
    logged = log_model(section, record, alias=CHALLENGER, clock=clock)
    return Registered(candidate.name, logged.version, logged.run_id, logged.is_new)


def verdict_document(candidate: Candidate) -> dict[str, object] | None:
    """The verdict as it stands on the version; None where no gate has judged."""
    verdict = candidate.verdict
    if verdict is None:
        return None
    return {
        "accepted": verdict.accepted,
        "reasons": list(verdict.reasons),
        "champion_version": verdict.champion_version,
        "frozen": {
            "table": verdict.frozen.table,
            "delta_version": verdict.frozen.delta_version,
            "first": verdict.frozen.first.isoformat(),
            "last": verdict.frozen.last.isoformat(),
        },
        "numbers": dict(verdict.numbers),
    }


def _parameters(candidate: Candidate) -> dict[str, str]:
    versions = {f"data.{table}": version for table, version in candidate.data_versions.items()}
    return {name: _text(value) for name, value in {**candidate.params, **versions, "seed": candidate.seed}.items()}


def _gate(candidate: Candidate) -> dict[str, str]:
    document = verdict_document(candidate)
    return {} if document is None else {GATE: json.dumps(document, sort_keys=True)}


def _text(value: Scalar) -> str:
    return value if isinstance(value, str) else json.dumps(value)
