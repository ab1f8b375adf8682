"""Streams of providers run to their end, which is always an error."""

from dataclasses import dataclass, field

from streaming.feed.encode import Reject
from streaming.feed.port import Provider, Tick
from streaming.kit.remote import ProviderError


@dataclass(slots=True)
class Ended:
    """What a stream gave before it ended, and how it ended."""

    ticks: list[Tick] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    error: ProviderError | None = None


async def until_it_fails(provider: Provider, *, batches: int | None = None) -> Ended:
    """Take everything, or so many batches that hold something."""
    ended, taken = Ended(), 0
    try:
        async for batch in provider.quotes():
            ended.ticks += batch.ticks
            ended.rejects += batch.rejects
            taken += bool(batch)
            if taken == batches:
                break
    except ProviderError as error:
        ended.error = error
    return ended
