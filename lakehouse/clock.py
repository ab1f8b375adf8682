"""The only place that reads the machine's clock: everything else is handed a Clock."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where a component reads time and waits."""

    def now(self) -> datetime:
        """The current instant, timezone-aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin that never go backwards."""
        ...

    def sleep(self, seconds: float) -> None:
        """Block for `seconds`."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass
class ManualClock:
    """A clock for tests: it moves only when told, and sleeping moves it."""

    instant: datetime = field(default=datetime(2022, 12, 28, tzinfo=UTC))
    elapsed_s: float = 0.0

    def now(self) -> datetime:
        return self.instant + timedelta(seconds=self.elapsed_s)

    def monotonic(self) -> float:
        return self.elapsed_s

    def sleep(self, seconds: float) -> None:
        self.elapsed_s += seconds


def epoch_us(instant: datetime) -> int:
    """Microseconds since 1970-01-01 UTC. Raises ValueError for a naive datetime."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant!r} has no time zone: pass an aware datetime")
    delta = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return delta // timedelta(microseconds=1)
