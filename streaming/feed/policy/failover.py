"""Which provider to use now: the first in the order of preference that is not open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streaming.feed.policy.breaker import Breaker, State


@dataclass(frozen=True, slots=True)
class Choice:
    """Use provider `name` after `wait_s` seconds."""

    name: str
    wait_s: float


def choose(order: Sequence[str], breakers: Mapping[str, Breaker], now: float) -> Choice:
    """The first provider that is closed or half-open; where all are open, the one that is to be tried first.

    A closed provider that failed a moment ago is waited for: its pause is short, and another provider's prices are not
    quite its own. `order` is not empty.
    """
    usable = [name for name in order if breakers[name].state(now) is not State.OPEN]
    name = usable[0] if usable else min(order, key=lambda each: breakers[each].not_before)
    return Choice(name, max(0.0, breakers[name].not_before - now))


def better(order: Sequence[str], breakers: Mapping[str, Breaker], current: str, now: float) -> str | None:
    """The first provider that is preferred to `current` and may be tried now; None where there is none."""
    preferred = order[: order.index(current)]
    return next((name for name in preferred if breakers[name].allows(now)), None)
