"""What the versions that aliases point to say of themselves: asked for once a minute, the aliases every time."""

from dataclasses import dataclass
from typing import Final

from lakehouse.clock import Clock
from lakehouse.stores.models import ModelStore, Name, NoSuchModelError, Version
from ml.registry.names import CHALLENGER, CHAMPION

KEPT_S: Final = 60.0
"""A version is registered with its metrics and its verdict: only a hand in MLflow changes them afterwards."""
SHOWN: Final = (CHAMPION, CHALLENGER)


@dataclass(frozen=True, slots=True)
class Described:
    """A version and the metrics of its training."""

    version: Version
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Read:
    found: Described
    at: float


class Descriptions:
    """Every model with the versions of its champion and its challenger, by alias. Blocking, safe in threads: two that
    find a version unread both ask, and get the same."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._read: dict[tuple[str, int], _Read] = {}

    def of(self, store: ModelStore) -> list[tuple[Name, dict[str, Described]]]:
        """One call of MLflow, and two for each version that was not read within KEPT_S. A version that is gone by then
        is left out. Raises RegistryUnavailableError."""
        names = store.names()
        pointed = {(name.name, name.aliases[alias]) for name in names for alias in SHOWN if alias in name.aliases}
        known = {key: read for key in pointed if (read := self._reading(store, *key)) is not None}
        self._read = known
        return [
            (
                name,
                {
                    alias: known[key].found
                    for alias in SHOWN
                    if alias in name.aliases and (key := (name.name, name.aliases[alias])) in known
                },
            )
            for name in names
        ]

    def _reading(self, store: ModelStore, name: str, number: int) -> _Read | None:
        now = self._clock.monotonic()
        read = self._read.get((name, number))
        if read is not None and now - read.at <= KEPT_S:
            return read
        try:
            version = store.version(name, number)
            return _Read(Described(version, store.metrics(version.run_id) if version.run_id else {}), now)
        except NoSuchModelError:
            return None
