"""Whether a provider may be used: a circuit breaker that waits after a failure and opens after several in a row."""

from dataclasses import dataclass, replace
from enum import StrEnum


class State(StrEnum):
    """Closed: in use, or tried again in a moment. Open: not to be used. Half-open: one trial may be made."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """An immutable breaker; times are monotonic seconds. `threshold` failures in a row open it."""

    threshold: int = 3
    failures: int = 0
    not_before: float = 0.0
    on_trial: bool = False

    def state(self, now: float) -> State:
        """Its state at `now`."""
        if self.failures < self.threshold:
            return State.CLOSED
        return State.OPEN if now < self.not_before else State.HALF_OPEN

    def allows(self, now: float) -> bool:
        """Whether the provider may be used at `now`: its wait is over, and no trial of it is under way."""
        return now >= self.not_before and not self.on_trial

    def tried(self, now: float) -> "Breaker":
        """The provider is used from `now` on: half-open, nobody else may until the outcome is known."""
        return replace(self, on_trial=self.state(now) is State.HALF_OPEN)

    def succeeded(self) -> "Breaker":
        """It delivered: closed, as new."""
        return Breaker(threshold=self.threshold)

    def failed(self, now: float, wait_s: float, *, opens: bool = False) -> "Breaker":
        """It failed and is to be left alone for `wait_s`: open after the last failure that it had, or where it `opens`.

        `opens` is for a provider that says itself that it will not deliver for a while.
        """
        failures = max(self.failures + 1, self.threshold) if opens else self.failures + 1
        return replace(self, failures=failures, not_before=now + wait_s, on_trial=False)
