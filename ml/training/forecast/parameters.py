"""What decides on a training besides its data, and is kept with its run."""

from dataclasses import asdict, dataclass, field

from ml.registry.candidate import Scalar
from ml.training.forecast.network import Recipe

SEED = 20260101


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """`years` of history, `folds` walk-forward tests of `test_days`, `embargo` days before each; names with fewer than
    `least_returns` are left out; `cost_bps` of what is traded in the cost-aware metric."""

    years: int = 10
    folds: int = 4
    test_days: int = 250
    embargo: int = 5
    least_returns: int = 500
    cost_bps: float = 5.0
    seed: int = SEED
    recipe: Recipe = field(default_factory=Recipe)

    def document(self) -> dict[str, Scalar]:
        """Everything by name, flat."""
        told = asdict(self)
        return {**{f"recipe.{name}": value for name, value in told.pop("recipe").items()}, **told}
