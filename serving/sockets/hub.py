"""The hub of a process: it hears every change of a quote once and wakes those who follow the symbol."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from lakehouse.settings import StreamSettings
from serving.kit.problems import ApiError
from serving.quotes.feed import QuoteFeed
from serving.quotes.wire import WireQuote
from serving.sockets.follower import Follower
from serving.sockets.frames import Messages, QuoteTexts

Key = TypeVar("Key", UUID, str)


class TooManyStreams(ApiError):
    """The process, the user or the address has all the sockets and streams that it may have."""

    status = 429
    code = "too_many_streams"
    title = "Too many sockets or streams"
    retryable = True


@dataclass(slots=True)
class Places:
    """Sockets and streams that are open, by user and by address."""

    limits: StreamSettings
    total: int = 0
    by_user: Counter[UUID] = field(default_factory=Counter)
    by_address: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def of_address(self, address: str) -> Iterator[None]:
        """A place for the block. Raises TooManyStreams."""
        if self.total >= self.limits.max_sockets or self.by_address[address] >= self.limits.per_address:
            raise TooManyStreams("Close one that you do not need, or try again later.")
        self.total += 1
        self.by_address[address] += 1
        try:
            yield
        finally:
            self.total -= 1
            _less(self.by_address, address)

    @contextmanager
    def of_user(self, user_id: UUID) -> Iterator[None]:
        """A place for the block. Raises TooManyStreams."""
        if self.by_user[user_id] >= self.limits.per_user:
            raise TooManyStreams(f"You have {self.limits.per_user} open: close one that you do not need.")
        self.by_user[user_id] += 1
        try:
            yield
        finally:
            _less(self.by_user, user_id)


@dataclass(slots=True, eq=False)
class Listener:
    """A stream: what it follows, and how to wake it."""

    follower: Follower
    wake: Callable[[], None]


class Hub:
    """Who follows which symbol. `attach` and `detach` frame the life of a listener."""

    def __init__(self, limits: StreamSettings) -> None:
        self.limits = limits
        self.places = Places(limits)
        self.texts = QuoteTexts()
        self.messages = Messages(self.texts)
        self._by_symbol: dict[str, dict[Listener, None]] = {}
        self._feed: QuoteFeed | None = None

    @contextmanager
    def hearing(self, feed: QuoteFeed) -> Iterator[None]:
        """Hear the feed during the block."""
        self._feed = feed
        stop = feed.subscribe(self.changed)
        try:
            yield
        finally:
            stop()

    @property
    def feed(self) -> QuoteFeed:
        """The feed. Raises RuntimeError before the API has started."""
        if self._feed is None:
            raise RuntimeError("the hub hears no feed yet")
        return self._feed

    def follow(self, listener: Listener, symbol: str) -> None:
        """Follow a symbol: registered first, so that no change between snapshot and registration is missed."""
        self._by_symbol.setdefault(symbol, {})[listener] = None
        listener.follower.follow(symbol, self.feed.get(symbol))

    def unfollow(self, listener: Listener, symbol: str) -> None:
        """Stop following a symbol."""
        listener.follower.unfollow(symbol)
        listeners = self._by_symbol.get(symbol)
        if listeners is not None:
            listeners.pop(listener, None)
            if not listeners:
                del self._by_symbol[symbol]

    def detach(self, listener: Listener) -> None:
        """Forget the listener."""
        for symbol in list(listener.follower.symbols):
            self.unfollow(listener, symbol)

    def changed(self, quotes: Sequence[WireQuote]) -> None:
        """Quotes have changed: note it for their followers, then wake each of these once."""
        woken: dict[Listener, None] = {}
        for quote in quotes:
            listeners = self._by_symbol.get(quote.row.symbol)
            if listeners:
                for listener in listeners:
                    listener.follower.changed(quote)
                woken.update(listeners)
        for listener in woken:
            listener.wake()

    def wake_all(self) -> None:
        """Wake every listener: the API begins to end."""
        for listener in {listener: None for listeners in self._by_symbol.values() for listener in listeners}:
            listener.wake()


def _less(counter: Counter[Key], key: Key) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
