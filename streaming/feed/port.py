"""The port of every price provider: ticks in batches, and a snapshot; it fails as `streaming.kit.remote` has it."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from lakehouse.contracts.reasons import Reason
from streaming.feed.encode import Reject
from streaming.kit.remote import ProviderError


class Silent(ProviderError):
    """The connection stands, and nothing came while the exchange was open."""


class TickKind(StrEnum):
    """What a tick is, in the words of `market.ticks`."""

    TRADE = "trade"
    QUOTE = "quote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One trade or quote, with the names and units of `market.ticks`; `event_time_us` is the venue's time."""

    symbol: str
    event_time_us: int
    kind: TickKind
    provider: str
    sequence: int
    price: float | None = None
    size: float | None = None
    bid_price: float | None = None
    bid_size: float | None = None
    ask_price: float | None = None
    ask_size: float | None = None
    exchange: str | None = None
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What arrived together, in order: ticks, and what could not be read, each with its reason and its own text."""

    ticks: tuple[Tick, ...] = ()
    rejects: tuple[Reject, ...] = ()

    def __len__(self) -> int:
        return len(self.ticks) + len(self.rejects)


@dataclass(slots=True)
class Health:
    """What a provider has done since it was made. `last_seen` is when something was last received.

    `quota` tells what share of its requests may be sent at once, 1 for all; None for a provider without a quota.
    """

    quota: Callable[[], float] | None = None
    ticks: int = 0
    rejects: int = 0
    connects: int = 0
    last_seen: datetime | None = None
    last_event_time_us: int | None = None

    def note(self, batch: Batch, now: datetime) -> Batch:
        """Count a batch and hand it on."""
        self.ticks += len(batch.ticks)
        self.rejects += len(batch.rejects)
        if batch.ticks:
            newest = max(tick.event_time_us for tick in batch.ticks)
            self.last_event_time_us = max(newest, self.last_event_time_us or newest)
        self.last_seen = now
        return batch


class Provider(Protocol):
    """One source of prices for a fixed set of symbols."""

    @property
    def name(self) -> str:
        """The `provider` of its ticks."""
        ...

    @property
    def exchange(self) -> str | None:
        """The calendar (as exchange_calendars names it) that says when silence is a fault; None: it never is."""
        ...

    @property
    def health(self) -> Health:
        """Its counters."""
        ...

    def quotes(self) -> AsyncGenerator[Batch, None]:
        """Connect, subscribe to all symbols and yield what comes. Ends where there is no more to come.

        It neither reconnects nor hides a failure: it raises a ProviderError, and may be called again.
        """
        ...

    async def snapshot(self, symbols: Sequence[str]) -> Batch:
        """The latest tick of each symbol that the provider knows, asked now. Raises ProviderError."""
        ...


@dataclass(slots=True)
class Numbers:
    """Sequence numbers for a provider that has none: they start at a process's first microsecond and go up by one.

    A provider, symbol and time with such a number name one tick, also after a restart.
    """

    next: int = field(default=0)

    def take(self) -> int:
        """The next number."""
        self.next += 1
        return self.next


def unreadable(provider: str, raw: str | bytes, detail: str, *, symbol: str | None = None) -> Reject:
    """What of a provider's message no tick can be made."""
    text = raw if isinstance(raw, str) else raw.decode("utf-8", errors="backslashreplace")
    return Reject(Reason.UNPARSABLE, detail, provider, text, symbol)


def read_each(
    provider: str,
    raws: Iterable[msgspec.Raw],
    read: Callable[[msgspec.Raw], Tick],
    *,
    tell: Callable[[Exception], str] = str,
) -> Batch:
    """What `read` makes of each part of a message; a part that it cannot read keeps back no other."""
    ticks: list[Tick] = []
    rejects: list[Reject] = []
    for raw in raws:
        try:
            ticks.append(read(raw))
        except (msgspec.DecodeError, ValueError, KeyError) as error:
            rejects.append(unreadable(provider, bytes(raw), tell(error)))
    return Batch(tuple(ticks), tuple(rejects))


def joined(batches: Iterable[Batch]) -> Batch:
    """One batch of all, in order."""
    every = tuple(batches)
    return Batch(
        tuple(tick for batch in every for tick in batch.ticks),
        tuple(reject for batch in every for reject in batch.rejects),
    )


def refused_tick(tick: Tick, reason: Reason, detail: str) -> Reject:
    """A tick that was read and may not be sent on; its text is the message that it would have been."""
    named = {name: value for name in Tick.__dataclass_fields__ if (value := getattr(tick, name)) is not None}
    return Reject(reason, detail, tick.provider, msgspec.json.encode(named).decode(), tick.symbol)
