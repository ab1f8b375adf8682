"""Prices that can hardly be: held until another provider or the market itself confirms them, refused otherwise.

A price is held where it is at least `max_move` away from the symbol's last price and from every other provider's price
of the last `other_age_s`. It is released, in order and unchanged, as soon as

- another provider has a price near it (in the stream, or asked for a second opinion), or
- `confirm_ticks` ticks in a row, the held ones included, lie near each other: the market has moved.

It is refused, and goes to quarantine with its reason, when the next price is near the last one again, when the next
held price contradicts it, or when the feed ends. A symbol's first price has nothing to be measured by and passes.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from lakehouse.contracts.reasons import Reason
from streaming.feed.encode import Reject
from streaming.feed.port import Tick, TickKind, refused_tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`max_move` is a share of the price it is measured by: 0.2 holds a fifth more and a fifth less."""

    max_move: float = 0.2
    confirm_ticks: int = 3
    other_age_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """`passed` may be sent, in this order; `refused` goes to quarantine; `doubted` are symbols newly held."""

    passed: tuple[Tick, ...] = ()
    refused: tuple[Reject, ...] = ()
    doubted: tuple[str, ...] = ()


@dataclass(slots=True)
class _Book:
    """What is known of one symbol. `seen` is each provider's newest price and its time in microseconds."""

    last: float | None = None
    held: list[tuple[Tick, float]] = field(default_factory=list)
    seen: dict[str, tuple[float, int]] = field(default_factory=dict)


@dataclass(slots=True)
class _Verdicts:
    passed: list[Tick] = field(default_factory=list)
    refused: list[Reject] = field(default_factory=list)
    doubted: dict[str, None] = field(default_factory=dict)

    def close(self) -> Judgement:
        return Judgement(tuple(self.passed), tuple(self.refused), tuple(self.doubted))


def level(tick: Tick) -> float | None:
    """The price of a trade, the middle of a quote; None for one side of a quote and for what is no price."""
    if tick.kind is TickKind.TRADE:
        found = tick.price
    elif tick.bid_price is None or tick.ask_price is None:
        return None
    else:
        found = (tick.bid_price + tick.ask_price) / 2
    return found if found is not None and math.isfinite(found) and found > 0 else None


class Guard:
    """Judges ticks in the order in which they come. Every tick is passed or refused once, now or later."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._books: dict[str, _Book] = {}

    @property
    def held(self) -> int:
        """Ticks that are neither passed nor refused yet."""
        return self.held_by().total()

    def held_by(self) -> Counter[str]:
        """The same by provider."""
        books = tuple(self._books.values())  # at once: metrics are read beside the stream
        return Counter(tick.provider for book in books for tick, _ in tuple(book.held))

    def judge(self, ticks: Iterable[Tick]) -> Judgement:
        """Pass, hold or refuse each; what has no price to judge by passes, the door's checks know it."""
        found = _Verdicts()
        for tick in ticks:
            price = level(tick)
            if price is None:
                found.passed.append(tick)
            else:
                self._judge(self._books.setdefault(tick.symbol, _Book()), tick, price, found)
        return found.close()

    def hear(self, ticks: Iterable[Tick]) -> Judgement:
        """Second opinions: they release what they confirm, and are not passed on themselves."""
        found = _Verdicts()
        for tick in ticks:
            price = level(tick)
            if price is None:
                continue
            book = self._books.setdefault(tick.symbol, _Book())
            book.seen[tick.provider] = (price, tick.event_time_us)
            if book.held and tick.provider != book.held[-1][0].provider and self._near(book.held[-1][1], price):
                self._release(book, found)
        return found.close()

    def close(self) -> Judgement:
        """The feed ends: what is still held was never confirmed."""
        found = _Verdicts()
        for book in self._books.values():
            self._refuse(book, found, "not confirmed before the feed ended")
        return found.close()

    def _judge(self, book: _Book, tick: Tick, price: float, found: _Verdicts) -> None:
        if book.last is None or self._near(price, book.last):
            self._refuse(book, found, f"the next price was {price:g} again")
            self._pass(book, tick, price, found)
            return
        if book.held and not self._near(price, book.held[-1][1]):
            self._refuse(book, found, f"the next price was {price:g}")
        if not book.held:
            found.doubted[tick.symbol] = None
        book.held.append((tick, price))
        if len(book.held) >= self._limits.confirm_ticks or self._confirmed(book, tick, price):
            found.doubted.pop(tick.symbol, None)
            self._release(book, found)

    def _confirmed(self, book: _Book, tick: Tick, price: float) -> bool:
        oldest = tick.event_time_us - round(self._limits.other_age_s * 1e6)
        return any(
            provider != tick.provider and seen_us >= oldest and self._near(price, seen)
            for provider, (seen, seen_us) in book.seen.items()
        )

    def _near(self, price: float, other: float) -> bool:
        return abs(price - other) < self._limits.max_move * other

    def _release(self, book: _Book, found: _Verdicts) -> None:
        for tick, price in book.held:
            self._pass(book, tick, price, found)
        book.held.clear()

    @staticmethod
    def _pass(book: _Book, tick: Tick, price: float, found: _Verdicts) -> None:
        book.last = price
        book.seen[tick.provider] = (price, tick.event_time_us)
        found.passed.append(tick)

    @staticmethod
    def _refuse(book: _Book, found: _Verdicts, why: str) -> None:
        for tick, price in book.held:
            detail = f"{price:g} after {book.last:g}: {why}"
            found.refused.append(refused_tick(tick, Reason.IMPLAUSIBLE_PRICE, detail))
        book.held.clear()
