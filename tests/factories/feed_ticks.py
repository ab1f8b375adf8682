"""Ticks, times and batches for tests of the live feed."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from lakehouse.clock import ManualClock
from streaming.feed.encode import Reject
from streaming.feed.port import Batch, Tick, TickKind

BASE_US = 1_672_237_800_000_000
"""2022-12-28 14:30 UTC, the bell of XNYS."""


def trade(symbol: str, price: float, *, at_s: float = 0.0, provider: str = "one", sequence: int = 1) -> Tick:
    """A trade `at_s` seconds after the bell."""
    return Tick(
        symbol=symbol,
        event_time_us=BASE_US + round(at_s * 1e6),
        kind=TickKind.TRADE,
        provider=provider,
        sequence=sequence,
        price=price,
        size=100.0,
    )


class AsyncTime(ManualClock):
    """A manual clock that asynchronous code can wait by: a wait moves it at once."""

    async def wait(self, seconds: float) -> None:
        """Move on by `seconds`, and let others go on."""
        self.sleep(seconds)
        await asyncio.sleep(0)


async def collect(source: AsyncIterator[Batch]) -> tuple[list[Tick], list[Reject]]:
    """Everything that a source yields."""
    batches = [batch async for batch in source]
    return ticks_of(batches), [reject for batch in batches for reject in batch.rejects]


def ticks_of(batches: Sequence[Batch]) -> list[Tick]:
    """The ticks of batches, in order."""
    return [tick for batch in batches for tick in batch.ticks]
