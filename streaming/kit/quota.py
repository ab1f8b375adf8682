"""How many requests a provider allows: token buckets, as many as it has limits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Bucket:
    """`capacity` requests at once, refilled evenly over `period_s`. `tokens` are left at monotonic second `at`."""

    capacity: float
    period_s: float
    tokens: float
    at: float = 0.0

    @property
    def per_s(self) -> float:
        """The rate of the refill."""
        return self.capacity / self.period_s

    def refilled(self, now: float) -> "Bucket":
        """The bucket at `now`; a clock that stands or goes back adds nothing."""
        gained = max(0.0, now - self.at) * self.per_s
        return replace(self, tokens=min(self.capacity, self.tokens + gained), at=max(now, self.at))


def bucket(capacity: float, period_s: float) -> Bucket:
    """A full bucket."""
    return Bucket(capacity, period_s, capacity)


def reserve(buckets: Sequence[Bucket], now: float, *, most_s: float) -> tuple[tuple[Bucket, ...], float]:
    """One request of every bucket: the buckets after it and the seconds to wait before it may be sent.

    A wait that is longer than `most_s` takes nothing: the caller is to give up. Reservations are served in order, and
    in no stretch of t seconds are more than capacity * (1 + t / period_s) requests let through.
    """
    full = tuple(each.refilled(now) for each in buckets)
    wait_s = max((max(0.0, (1 - each.tokens) / each.per_s) for each in full), default=0.0)
    if wait_s > most_s:
        return full, wait_s
    return tuple(replace(each, tokens=each.tokens - 1) for each in full), wait_s
