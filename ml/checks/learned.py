"""What a trained model says of one case, as checks take it."""

from dataclasses import dataclass
from typing import Final, Protocol

from lakehouse.risk.checks import FloatArray

RULES: Final = "rules"
"""The source of a score that no trained model has given."""


@dataclass(frozen=True, slots=True)
class Learned:
    """One case: calibrated `probability`, `score` on the scale of the check's answers, and `source` NAME@VERSION."""

    probability: float
    score: float
    source: str


class Judge(Protocol):
    """A model in use."""

    @property
    def source(self) -> str:
        """NAME@VERSION."""
        ...

    def one(self, features: FloatArray) -> Learned:
        """What it says of the case with (F,) features. Pure, at most about a millisecond."""
        ...
