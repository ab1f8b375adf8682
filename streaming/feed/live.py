"""From a provider to Kafka: what waits is sent together, and everything is acknowledged before the end."""

import asyncio
from collections.abc import AsyncIterator

from streaming.feed.outlet import Outlet
from streaming.feed.port import Batch

_QUEUED = 256
"""Batches between provider and producer: where Kafka is slower, the provider waits."""
_TOGETHER = 10_000
_SETTLE_EVERY = 100_000
"""Messages after which the broker's answers are waited for, so that none is kept in memory for long."""


class Pump:
    """Moves batches from a source to an outlet until the source ends or `stop` is called."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._reader: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Read no further; `run` ends when all that was read is acknowledged."""
        if self._reader is not None:
            self._reader.cancel()

    async def run(self, source: AsyncIterator[Batch]) -> None:
        """Send all of it. Raises what the source raises, and DeliveryError; what came before has been sent by then.

        It is to be ended by `stop`: a cancellation loses what was read and not yet sent.
        """
        queue: asyncio.Queue[Batch] = asyncio.Queue(_QUEUED)
        reader = self._reader = asyncio.create_task(_read(source, queue))
        settled = 0
        try:
            while batch := await _gather(queue, reader):
                await asyncio.to_thread(self._outlet.put, batch)
                if self._outlet.sent.total - settled >= _SETTLE_EVERY:
                    await asyncio.to_thread(self._outlet.settle)
                    settled = self._outlet.sent.total
        finally:
            reader.cancel()
            await asyncio.to_thread(self._outlet.settle)
        if not reader.cancelled():
            reader.result()


async def _read(source: AsyncIterator[Batch], queue: asyncio.Queue[Batch]) -> None:
    async for batch in source:
        if batch:
            await queue.put(batch)


async def _gather(queue: asyncio.Queue[Batch], reader: asyncio.Task[None]) -> Batch:
    """All that waits, up to a limit, as one batch; an empty one where the reader has ended and nothing waits."""
    if queue.empty():
        waiting = asyncio.create_task(queue.get())
        await asyncio.wait({waiting, reader}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            return Batch()
        first = waiting.result()
    else:
        first = queue.get_nowait()
    ticks, rejects = list(first.ticks), list(first.rejects)
    while len(ticks) < _TOGETHER and not queue.empty():
        following = queue.get_nowait()
        ticks += following.ticks
        rejects += following.rejects
    return Batch(tuple(ticks), tuple(rejects))
