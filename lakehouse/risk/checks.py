"""What every measure refuses: wrong shapes, numbers that are not finite, impossible parameters, too short a history."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from lakehouse.errors import TidemarkError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Confidence = float | Decimal


class RiskError(TidemarkError):
    """A risk number cannot be computed from what was handed in."""


class InvalidParameter(RiskError):
    """A parameter lies outside its range."""


class ShapeMismatch(RiskError):
    """An array has the wrong number of dimensions, or two arrays do not fit together."""


class NonFinite(RiskError):
    """An input holds NaN or infinity. Carries `name`, `count` and the index of the `first` one."""

    def __init__(self, name: str, count: int, first: tuple[int, ...]) -> None:
        self.name, self.count, self.first = name, count, first
        super().__init__(
            f"{name} has {count} values that are not finite, the first at {first}: drop or repair them before measuring"
        )


class InsufficientHistory(RiskError):
    """Fewer observations than the measure can be made from. Carries `observations` and `required`."""

    def __init__(self, observations: int, required: int, what: str) -> None:
        self.observations, self.required, self.what = observations, required, what
        super().__init__(f"{what}: {observations} observations, at least {required} needed; supply a longer history")


def finite_matrix(name: str, values: npt.ArrayLike) -> FloatArray:
    """`values` as a finite float64 matrix. Raises ShapeMismatch unless 2-D, NonFinite for NaN or infinity."""
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2:
        raise ShapeMismatch(f"{name} has shape {matrix.shape}: pass a matrix, one series a column")
    finite = np.isfinite(matrix)
    if not finite.all():
        bad = np.argwhere(~finite)
        raise NonFinite(name, len(bad), tuple(int(i) for i in bad[0]))
    return matrix


def require_history(observations: int, required: int, what: str) -> None:
    """Raises InsufficientHistory if `observations` < `required`."""
    if observations < required:
        raise InsufficientHistory(observations, required, what)


def require_count(name: str, value: int, minimum: int = 1) -> None:
    """Raises InvalidParameter if `value` < `minimum`."""
    if value < minimum:
        raise InvalidParameter(f"{name} is {value}: must be at least {minimum}")


def exact_confidence(confidence: Confidence) -> Fraction:
    """`confidence` as the decimal that it prints as, so that 20 x 0.95 is 19 and not a rounding error beside it.

    Raises InvalidParameter unless 0.5 <= confidence < 1.
    """
    if not math.isfinite(confidence) or not Decimal("0.5") <= Decimal(str(confidence)) < 1:
        raise InvalidParameter(f"confidence is {confidence}: must lie in [0.5, 1), for example 0.99")
    return Fraction(str(confidence))


def tail_observations(confidence: Confidence) -> int:
    """Observations that put at least one whole one in the tail: 1 / (1 - confidence), rounded up; 100 at 99 %."""
    return math.ceil(1 / (1 - exact_confidence(confidence)))
