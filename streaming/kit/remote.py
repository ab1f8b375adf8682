"""Services of other people, and how they fail: errors that say what to do next."""

from collections.abc import Awaitable, Callable

from lakehouse.errors import TidemarkError

Sleep = Callable[[float], Awaitable[None]]
"""How an asynchronous component waits: `asyncio.sleep`, or a test's own."""


class ProviderError(TidemarkError):
    """A provider does not deliver: try again later, or take another.

    `status` and `body` are its answer, 0 and empty where there was none that could be read.
    """

    def __init__(self, message: str, *, status: int = 0, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class Disconnected(ProviderError):
    """The connection could not be made, or ended."""


class Unreached(Disconnected):
    """No connection was made: nothing was sent."""


class RateLimited(ProviderError):
    """The provider refuses more requests; `retry_after_s` is the least wait, 0 where it does not say."""

    def __init__(self, message: str, *, retry_after_s: float = 0.0, status: int = 0, body: bytes = b"") -> None:
        super().__init__(message, status=status, body=body)
        self.retry_after_s = retry_after_s


class Refused(ProviderError):
    """The provider does not know the key, the login or the subscription: waiting mends nothing, a person does."""
