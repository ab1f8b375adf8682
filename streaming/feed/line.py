"""Several providers as one: the preferred one while it delivers, the next where it fails, and back when it mends."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from lakehouse.clock import Clock
from streaming.feed.policy.breaker import Breaker, State
from streaming.feed.policy.failover import better, choose
from streaming.feed.policy.staleness import silence_s
from streaming.feed.port import Batch, Health, Provider, Silent
from streaming.kit.backoff import Backoff
from streaming.kit.remote import ProviderError, RateLimited, Refused, Sleep

_REFUSED_S = 900.0
"""A provider that refuses the key is asked again so rarely: somebody has to mend it."""
_OPENS = (RateLimited, Refused, Silent)
"""Failures after which a provider is not tried again at once: another one is."""
_LOG = structlog.get_logger("feed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """When to give a provider up. `silent_s` counts while its exchange is open, in demo mode always.

    `look_s` is how often a stream is looked at on which nothing comes. A provider that failed has mended when it has
    delivered for `proof_s`: one that breaks off after each first tick must not count as good.
    """

    silent_s: float = 60.0
    look_s: float = 5.0
    proof_s: float = 10.0
    demo: bool = False
    backoff: Backoff = field(default_factory=Backoff)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineHealth:
    """One provider's state for a report. `failovers` counts how often another one took over from it."""

    state: State
    stale: bool
    health: Health
    last_error: str | None
    silent_s: float
    failures: int
    failovers: int
    in_use: bool


class Line:
    """Not shared between tasks, except `opinion`, which may run beside `quotes`."""

    def __init__(
        self,
        providers: Sequence[Provider],
        *,
        patience: Patience,
        clock: Clock,
        sleep: Sleep,
        draw: Callable[[], float],
    ) -> None:
        """`providers` in order of preference, at least one; `draw` returns random numbers in [0, 1)."""
        self._providers = {provider.name: provider for provider in providers}
        self._order = tuple(self._providers)
        self._breakers = {name: Breaker() for name in self._order}
        self._errors: dict[str, ProviderError] = {}
        self._began: dict[str, datetime] = {}
        self._changes = False
        self._failures: Counter[str] = Counter()
        self._failovers: Counter[str] = Counter()
        self._used: str | None = None
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._draw = draw

    async def quotes(self) -> AsyncGenerator[Batch, None]:
        """Batches of whichever provider is the one to use, until one has no more to give (a replay's end).

        Raises Refused where every provider does: waiting mends nothing.
        """
        is_over = False
        while not is_over:
            choice = choose(self._order, self._breakers, self._clock.monotonic())
            if choice.wait_s:
                await self._sleep(choice.wait_s)
            provider = self._providers[choice.name]
            self._take(provider)
            self._changes = False
            try:
                async with aclosing(self._use(provider)) as batches:
                    async for batch in batches:
                        yield batch
            except ProviderError as error:
                self._fail(provider, error)
                if all(isinstance(self._errors.get(name), Refused) for name in self._order):
                    raise
                continue
            is_over = not self._changes

    async def opinion(self, symbols: Sequence[str], *, but: str) -> Batch:
        """What another provider than `but` has of these symbols; empty where none can be asked now."""
        now = self._clock.monotonic()
        for name in self._order:
            if name == but or not self._breakers[name].allows(now):
                continue
            try:
                return await self._providers[name].snapshot(symbols)
            except ProviderError as error:
                self._fail(self._providers[name], error)
        return Batch()

    def health(self) -> Mapping[str, LineHealth]:
        """The state of every provider, in order of preference."""
        return {name: self._health(provider) for name, provider in self._providers.items()}

    def _health(self, provider: Provider) -> LineHealth:
        name, silent_s = provider.name, self._silence_s(provider)
        return LineHealth(
            state=self._breakers[name].state(self._clock.monotonic()),
            stale=silent_s > self._patience.silent_s,
            health=provider.health,
            last_error=str(self._errors[name]) if name in self._errors else None,
            silent_s=silent_s,
            failures=self._failures[name],
            failovers=self._failovers[name],
            in_use=name == self._used,
        )

    async def _use(self, provider: Provider) -> AsyncGenerator[Batch, None]:
        """One stream of one provider, until it ends, fails, falls silent, or a better provider is back."""
        self._began[provider.name] = self._clock.now()
        _LOG.info("connecting", provider=provider.name)
        symbol: str | None = None
        async with aclosing(_looked_at(provider.quotes(), self._patience.look_s)) as batches:
            async for batch in batches:
                if batch:
                    self._mend(provider)
                    yield batch
                elif self._silence_s(provider) > self._patience.silent_s:
                    raise Silent(f"{provider.name}: nothing for {self._patience.silent_s:g} s of trading")
                symbol = batch.ticks[-1].symbol if batch.ticks else symbol
                if symbol is not None and await self._is_back(provider, symbol):
                    self._changes = True
                    return

    async def _is_back(self, current: Provider, symbol: str) -> bool:
        """Whether a provider that is preferred to `current` answers again: only then is its stream tried."""
        name = better(self._order, self._breakers, current.name, self._clock.monotonic())
        if name is None:
            return False
        preferred = self._providers[name]
        self._try(preferred)
        try:
            await preferred.snapshot([symbol])
        except ProviderError as error:
            self._fail(preferred, error)
            return False
        return True

    def _take(self, provider: Provider) -> None:
        """Use this provider from now on; where the way leads back to a preferred one, nobody has failed."""
        before, self._used = self._used, provider.name
        if before is not None and self._order.index(before) < self._order.index(provider.name):
            self._failovers[before] += 1
        self._try(provider)

    def _try(self, provider: Provider) -> None:
        self._breakers[provider.name] = self._breakers[provider.name].tried(self._clock.monotonic())

    def _silence_s(self, provider: Provider) -> float:
        seen = [at for at in (provider.health.last_seen, self._began.get(provider.name)) if at is not None]
        if not seen:
            return 0.0
        return silence_s(provider.exchange, max(seen), self._clock.now(), demo=self._patience.demo)

    def _mend(self, provider: Provider) -> None:
        proved_s = (self._clock.now() - self._began[provider.name]).total_seconds()
        if self._breakers[provider.name].failures and proved_s >= self._patience.proof_s:
            _LOG.info("delivers again", provider=provider.name)
            self._breakers[provider.name] = self._breakers[provider.name].succeeded()
            self._errors.pop(provider.name, None)

    def _fail(self, provider: Provider, error: ProviderError) -> None:
        breaker, now = self._breakers[provider.name], self._clock.monotonic()
        least_s = error.retry_after_s if isinstance(error, RateLimited) else 0.0
        least_s = _REFUSED_S if isinstance(error, Refused) else least_s
        wait_s = self._patience.backoff.wait_s(breaker.failures + 1, self._draw, at_least_s=least_s)
        self._breakers[provider.name] = breaker.failed(now, wait_s, opens=isinstance(error, _OPENS))
        self._errors[provider.name] = error
        self._failures[provider.name] += 1
        _LOG.warning("failed", provider=provider.name, error=str(error), wait_s=round(wait_s, 1))


async def _looked_at(source: AsyncGenerator[Batch, None], every_s: float) -> AsyncGenerator[Batch, None]:
    """The batches of a source, and an empty one each time nothing came for `every_s` seconds."""
    coming: asyncio.Future[Batch] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(source))
            done, _ = await asyncio.wait({coming}, timeout=every_s)
            if not done:
                yield Batch()
                continue
            came, coming = coming, None
            try:
                batch = came.result()
            except StopAsyncIteration:
                return
            yield batch
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})
        await source.aclose()
