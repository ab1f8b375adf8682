"""Ticks of a table at the speed of their own times: what replay and simulation share. Event times are kept."""

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence

import pyarrow as pa

from lakehouse.clock import Clock
from streaming.feed.encode import Reject
from streaming.feed.port import Batch, Health, Tick, TickKind
from streaming.kit.remote import Sleep

_AHEAD_S = 0.02
_MOST = 2_000
"""Ticks that are handed on together at most, also where nothing is waited for."""
_FIELDS = tuple(Tick.__dataclass_fields__)

Part = tuple[pa.Table, tuple[Reject, ...]]
"""Rows in the columns of `market.ticks`, ordered by time, and the rejects found with them."""


def ticks_of(rows: pa.Table) -> Iterator[Tick]:
    """The rows of a table of `market.ticks` as ticks, in order. Fields that the table lacks are absent."""
    names = [name for name in _FIELDS if name in rows.column_names]
    for values in zip(*(rows.column(name).to_pylist() for name in names), strict=True):
        found = dict(zip(names, values, strict=True))
        yield Tick(**{**found, "kind": TickKind(found["kind"])})


class Paced:
    """Plays parts at `speed` times the speed of their event times; None hands them on as fast as they are taken."""

    def __init__(self, name: str, *, speed: float | None, clock: Clock, sleep: Sleep) -> None:
        self.name = name
        self.exchange: str | None = None
        self.health = Health()
        self._speed = speed
        self._clock = clock
        self._sleep = sleep
        self._latest: dict[str, Tick] = {}

    async def play(self, parts: Iterable[Part]) -> AsyncGenerator[Batch, None]:
        """Every tick of every part, none before its time, in order; a part's rejects come with its first ticks."""
        self.health.connects += 1
        started, first_us = self._clock.monotonic(), None
        for rows, rejects in parts:
            waiting: list[Tick] = []
            if rejects:
                yield self._note(Batch(rejects=rejects))
            for tick in ticks_of(rows):
                first_us = tick.event_time_us if first_us is None else first_us
                ahead_s = self._ahead_s(tick.event_time_us - first_us, started)
                if waiting and (ahead_s > _AHEAD_S or len(waiting) >= _MOST):
                    yield self._note(Batch(tuple(waiting)))
                    waiting.clear()
                if ahead_s > _AHEAD_S:
                    await self._sleep(ahead_s)
                waiting.append(tick)
            if waiting:
                yield self._note(Batch(tuple(waiting)))

    async def snapshot(self, symbols: Sequence[str]) -> Batch:
        """The last tick of each symbol that was played."""
        return Batch(tuple(self._latest[symbol] for symbol in symbols if symbol in self._latest))

    def _ahead_s(self, since_first_us: int, started: float) -> float:
        if self._speed is None:
            return 0.0
        return started + since_first_us / 1e6 / self._speed - self._clock.monotonic()

    def _note(self, batch: Batch) -> Batch:
        self._latest.update((tick.symbol, tick) for tick in batch.ticks)
        return self.health.note(batch, self._clock.now())
