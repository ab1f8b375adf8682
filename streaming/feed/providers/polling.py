"""REST providers as streams: round after round of snapshots while the exchange is open, each price handed on once."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from lakehouse.clock import Clock
from streaming.feed.policy.staleness import is_open
from streaming.feed.port import Batch, Health, Tick
from streaming.kit.remote import Sleep

_CLOSED_S = 30.0
_DIFFERS = ("event_time_us", "price", "bid_price", "ask_price", "bid_size", "ask_size")


@dataclass(slots=True)
class Fresh:
    """Lets a tick through where it says something that the symbol's last one did not: a poll repeats itself."""

    _last: dict[tuple[str, str], tuple[object, ...]] = field(default_factory=dict)

    def of(self, batch: Batch) -> Batch:
        """The batch without the ticks that repeat the one before of their symbol and kind."""
        return Batch(tuple(tick for tick in batch.ticks if self._is_new(tick)), batch.rejects)

    def _is_new(self, tick: Tick) -> bool:
        key, said = (tick.symbol, tick.kind), tuple(getattr(tick, name) for name in _DIFFERS)
        is_new = self._last.get(key) != said
        self._last[key] = said
        return is_new


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """How a provider is polled: symbols in groups of `group`, at least `every_s` between two rounds.

    `fresh` outlives a stream: after a failure nothing is handed on again.
    """

    symbols: Sequence[str]
    group: int
    every_s: float
    exchange: str | None
    demo: bool
    clock: Clock
    sleep: Sleep
    fresh: Fresh = field(default_factory=Fresh)


async def polled(
    rounds: Rounds, ask: Callable[[Sequence[str]], Awaitable[Batch]], health: Health
) -> AsyncGenerator[Batch, None]:
    """Every group of every round; an exchange that is closed is not polled. Raises what `ask` raises."""
    symbols, size = rounds.symbols, rounds.group
    groups = [symbols[start : start + size] for start in range(0, len(symbols), size)]
    health.connects += 1
    while True:
        began = rounds.clock.monotonic()
        if not is_open(rounds.exchange, rounds.clock.now(), demo=rounds.demo):
            await rounds.sleep(_CLOSED_S)
            continue
        for group in groups:
            yield health.note(rounds.fresh.of(await ask(group)), rounds.clock.now())
        await rounds.sleep(max(0.0, began + rounds.every_s - rounds.clock.monotonic()))
