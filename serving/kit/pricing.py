"""What rooms that value instruments share: threads for the arithmetic, one refusal, numbers as they are sent."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from lakehouse.pricing import PricingError
from serving.kit.problems import ApiError

THREADS = 2
LARGEST = 1e15

Found = TypeVar("Found")


class NotPriceable(ApiError):
    """The terms and the market inputs together give no price; the detail names the culprit."""

    status = 409
    code = "not_priceable"
    title = "No price follows from these terms and inputs"


class Pricer:
    """Runs pure pricing work two at a time in threads, so that it stops no other request."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(THREADS)

    async def run(self, work: Callable[[], Found]) -> Found:
        """What `work` returns. Raises NotPriceable for what pricing refuses."""
        try:
            return await to_thread.run_sync(work, limiter=self._limiter)
        except PricingError as error:
            raise NotPriceable(str(error)) from error


def digits(value: float) -> str:
    """A price as a string of digits with eight decimals. Raises NotPriceable for one that no market has."""
    if not abs(value) < LARGEST:
        raise NotPriceable(f"the price {value:.3g} is beyond every market: check rate, dividend yield and time")
    return f"{value + 0.0:.8f}"
