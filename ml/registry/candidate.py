"""What a training hands to the registry."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from lakehouse.errors import TidemarkError
from ml.evaluation.gate import Verdict

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
Scalar = str | int | float | bool


class CandidateError(TidemarkError):
    """A candidate that lacks what its record needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A trained model with everything that its record says.

    `folder` is an MLflow model made by `ml.registry.saving`: it holds the file MLmodel with signature and input
    example, weights without pickle, and nothing else that runs. `data_versions` maps tables of the contracts to the
    Delta versions that were read; a generated history is named there by its generator, with its seed as version.
    `fold_metrics` has one mapping a walk-forward fold, oldest first. `plots` are files by name. `verdict` is what the
    gate said against the champion of that moment; without one nothing promotes the model but a person.
    """

    name: str
    folder: Path
    business_date: date
    seed: int
    params: Mapping[str, Scalar]
    data_versions: Mapping[str, int]
    metrics: Mapping[str, float]
    fold_metrics: Sequence[Mapping[str, float]] = ()
    plots: Mapping[str, str | bytes] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    verdict: Verdict | None = None

    def __post_init__(self) -> None:
        if NAME.fullmatch(self.name) is None:
            raise CandidateError(f"{self.name!r} is no name of a model: a-z, digits and _, 63 characters at most")
        if not self.data_versions:
            raise CandidateError(f"{self.name}: say which data it was trained on, by version")

    @property
    def identity(self) -> str:
        """The same for the same training: name, day, seed, parameters and data. A training that is run again finds its
        version by it."""
        told = [self.name, self.business_date.isoformat(), self.seed, dict(self.params), dict(self.data_versions)]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]
