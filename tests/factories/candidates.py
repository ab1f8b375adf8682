"""Small models of a known kind, ready to be registered."""

from datetime import date
from pathlib import Path

import numpy as np

from ml.evaluation.gate import FrozenSet, Verdict
from ml.registry.candidate import Candidate
from ml.registry.saving import save_arrays

DAY = date(2022, 12, 28)
FROZEN = FrozenSet(table="gold.returns_daily_v1", delta_version=3, first=date(2022, 1, 3), last=DAY)


def verdict(*, accepted: bool = True, champion: int | None = None) -> Verdict:
    """What a gate may have said."""
    return Verdict(
        accepted=accepted, reasons=("a reason",), frozen=FROZEN, champion_version=champion, numbers={"p": 0.01}
    )


def candidate(folder: Path, name: str, *, seed: int = 1, judged: Verdict | None = None, day: date = DAY) -> Candidate:
    """A model of one array; another seed makes another training."""
    save_arrays({"w": np.full(3, float(seed))}, np.zeros((2, 3)), np.zeros(2), folder, document={"kind": "example"})
    return Candidate(
        name=name,
        folder=folder,
        business_date=day,
        seed=seed,
        params={"hidden": 16, "rate": 0.1, "rule": "x"},
        data_versions={"gold.returns_daily_v1": 3},
        metrics={"loss": 0.5},
        fold_metrics=[{"loss": 0.7}, {"loss": 0.5}],
        plots={"plot.png": b"\x89PNG"},
        verdict=judged,
    )
