"""What pricing refuses: numbers that are not finite, terms that cannot be, quotes that would be an arbitrage."""

import numpy as np
import numpy.typing as npt

from lakehouse.errors import TidemarkError

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


class PricingError(TidemarkError):
    """A value cannot be computed from what was handed in."""


class InvalidInput(PricingError):
    """A term or a market input lies outside its range. Carries its `name`, how many (`count`) and the `first` place."""

    def __init__(self, name: str, count: int, first: tuple[int, ...], must: str) -> None:
        self.name, self.count, self.first = name, count, first
        super().__init__(f"{name}: {count} values, the first at {first}, are refused: {must}")


class ShapesDiffer(PricingError):
    """Arrays that belong together cannot be broadcast against each other."""


class PriceOutsideBounds(PricingError):
    """A price that no volatility gives. Carries `index`, `price` and the no-arbitrage bounds `lower` and `upper`."""

    def __init__(self, index: tuple[int, ...], price: float, bounds: tuple[float, float]) -> None:
        self.index, self.price, (self.lower, self.upper) = index, price, bounds
        super().__init__(
            f"price {price!r} at {index} lies outside [{self.lower!r}, {self.upper!r}): it would be an arbitrage; "
            "drop the quote, or correct its rate, dividend or time"
        )


def refuse(name: str, bad: BoolArray, must: str) -> None:
    """Raises InvalidInput if any element of `bad` is true."""
    if bad.any():
        places = np.argwhere(bad)
        raise InvalidInput(name, len(places), tuple(int(i) for i in places[0]), must)


def finite(name: str, values: npt.ArrayLike) -> FloatArray:
    """`values` as contiguous float64 without NaN or infinity. Raises InvalidInput."""
    array = np.ascontiguousarray(np.asarray(values, dtype=np.float64)).reshape(np.shape(values))
    refuse(name, ~np.isfinite(array), "must be finite")
    return array


def at_least_zero(name: str, values: npt.ArrayLike) -> FloatArray:
    """`values` as finite float64, none negative; a negative zero becomes zero. Raises InvalidInput."""
    array = finite(name, values)
    refuse(name, array < 0, "must not be negative")
    return array + 0.0


def positive(name: str, values: npt.ArrayLike) -> FloatArray:
    """`values` as finite float64 above zero. Raises InvalidInput."""
    array = finite(name, values)
    refuse(name, array <= 0, "must be positive")
    return array


def together(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that `shapes` broadcast to. Raises ShapesDiffer."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise ShapesDiffer(f"shapes {shapes} do not broadcast: give one value for all, or one for each") from error
