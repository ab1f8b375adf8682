"""From a provider to Kafka: what waits is sent together, and everything is acknowledged before the end."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Protocol

from streaming.feed.encode import Reject
from streaming.feed.outlet import Outlet
from streaming.feed.policy.plausibility import Guard, Judgement
from streaming.feed.port import Batch

_QUEUED = 256
"""Batches between provider and producer: where Kafka is slower, the provider waits."""
_TOGETHER = 10_000
_SETTLE_EVERY = 100_000
"""Messages after which the broker's answers are waited for, so that none is kept in memory for long."""


class Opinion(Protocol):
    """Asks another provider than `but` for the prices of symbols, now. Raises nothing that a provider may do."""

    async def __call__(self, symbols: Sequence[str], *, but: str) -> Batch:
        """Its ticks; none where nobody can be asked."""
        ...


class Pump:
    """Moves batches from a source to an outlet until the source ends or `stop` is called.

    With a guard, what it holds is asked about at once (`opinion`), beside the stream, which nothing waits for.
    """

    def __init__(self, outlet: Outlet, *, guard: Guard | None = None, opinion: Opinion | None = None) -> None:
        self._outlet = outlet
        self._guard = guard
        self._opinion = opinion
        self._reader: asyncio.Task[None] | None = None
        self._queue: asyncio.Queue[Batch] = asyncio.Queue(_QUEUED)
        self._asking: set[asyncio.Task[None]] = set()
        self._released: list[Batch] = []
        self._settled = 0
        self._bug: BaseException | None = None

    def stop(self) -> None:
        """Read no further; `run` ends when all that was read is acknowledged."""
        if self._reader is not None:
            self._reader.cancel()

    async def run(self, source: AsyncGenerator[Batch, None]) -> None:
        """Send all of it. Raises what the source raises, and DeliveryError; what came before has been sent by then.

        It is to be ended by `stop`: a cancellation loses what was read and not yet sent.
        """
        reader = self._reader = asyncio.create_task(_read(source, self._queue))
        try:
            while (batch := await _gather(self._queue, reader)) is not None:
                await self._send(self._judged(batch))
            await self._send(self._closed())
        finally:
            for task in (reader, *self._asking):
                task.cancel()
            await asyncio.to_thread(self._outlet.settle)
        if self._bug is not None:
            raise self._bug
        if not reader.cancelled():
            reader.result()

    async def _send(self, batch: Batch) -> None:
        if batch:
            await asyncio.to_thread(self._outlet.put, batch)
        if self._outlet.sent.total - self._settled >= _SETTLE_EVERY:
            await asyncio.to_thread(self._outlet.settle)
            self._settled = self._outlet.sent.total

    def _judged(self, batch: Batch) -> Batch:
        if self._guard is None:
            return batch
        found = self._guard.judge(batch.ticks)
        if found.doubted and self._opinion is not None:
            by_provider = {tick.symbol: tick.provider for tick in batch.ticks if tick.symbol in found.doubted}
            for provider in set(by_provider.values()):
                symbols = [symbol for symbol, name in by_provider.items() if name == provider]
                task = asyncio.create_task(self._ask(self._guard, self._opinion, symbols, provider))
                self._asking.add(task)
                task.add_done_callback(self._asked)
        return self._with_released(found, batch.rejects)

    def _closed(self) -> Batch:
        return Batch() if self._guard is None else self._with_released(self._guard.close(), ())

    def _with_released(self, found: Judgement, rejects: tuple[Reject, ...]) -> Batch:
        """What second opinions have released since goes first: it came first."""
        released, self._released = self._released, []
        ticks = [tick for each in released for tick in each.ticks]
        return Batch((*ticks, *found.passed), (*rejects, *found.refused))

    def _asked(self, task: asyncio.Task[None]) -> None:
        """An opinion raises nothing that a provider may do, so what it raises is a bug, and ends the feed."""
        self._asking.discard(task)
        if not task.cancelled() and (bug := task.exception()) is not None:
            self._bug = bug
            self.stop()

    async def _ask(self, guard: Guard, opinion: Opinion, symbols: list[str], provider: str) -> None:
        found = guard.hear((await opinion(symbols, but=provider)).ticks)
        if found.passed:
            self._released.append(Batch(found.passed))
            await self._queue.put(Batch())  # wakes `run`


async def _read(source: AsyncGenerator[Batch, None], queue: asyncio.Queue[Batch]) -> None:
    async with aclosing(source):
        async for batch in source:
            if batch:
                await queue.put(batch)


async def _gather(queue: asyncio.Queue[Batch], reader: asyncio.Task[None]) -> Batch | None:
    """All that waits, up to a limit, as one batch; None where the reader has ended and nothing waits."""
    if queue.empty():
        waiting = asyncio.create_task(queue.get())
        await asyncio.wait({waiting, reader}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            return None
        first = waiting.result()
    else:
        first = queue.get_nowait()
    ticks, rejects = list(first.ticks), list(first.rejects)
    while len(ticks) < _TOGETHER and not queue.empty():
        following = queue.get_nowait()
        ticks += following.ticks
        rejects += following.rejects
    return Batch(tuple(ticks), tuple(rejects))
