"""What one stream follows and what it is owed: the latest quote of each symbol, never a queue of old ones."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from serving.quotes.wire import WireQuote


@dataclass(frozen=True, slots=True)
class Due:
    """A frame to send. `previous` is the seq sent before; None makes it a snapshot. `quote` is None before any."""

    symbol: str
    quote: WireQuote | None
    previous: int | None

    @property
    def seq(self) -> int:
        """The symbol's version; 0 before any quote."""
        return 0 if self.quote is None else self.quote.row.version

    @property
    def dropped(self) -> int:
        """Versions that were passed over since the frame before, because a newer one came in time."""
        return 0 if self.previous is None else self.seq - self.previous - 1


class Follower:
    """Pure state: who follows calls `follow`, the hub `changed`, the writer `take`.

    A symbol owes at most one frame, whatever happens meanwhile: memory is bounded by the symbols followed. The first
    frame of a symbol is its snapshot; after it every frame names the seq of the one before.
    """

    def __init__(self) -> None:
        self._sent: dict[str, int | None] = {}
        self._due: dict[str, WireQuote | None] = {}

    @property
    def symbols(self) -> Iterable[str]:
        """What is followed."""
        return self._sent.keys()

    @property
    def is_owed(self) -> bool:
        """Whether `take` has something."""
        return bool(self._due)

    def __len__(self) -> int:
        return len(self._sent)

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._sent

    def follow(self, symbol: str, quote: WireQuote | None) -> None:
        """Follow a symbol from its snapshot on; following it again asks for the snapshot again."""
        self._sent[symbol] = None
        self._due[symbol] = quote

    def unfollow(self, symbol: str) -> None:
        """Nothing of the symbol is sent from now on."""
        self._sent.pop(symbol, None)
        self._due.pop(symbol, None)

    def changed(self, quote: WireQuote) -> None:
        """A newer quote of a symbol that is followed; others are ignored."""
        symbol = quote.row.symbol
        if symbol in self._sent:
            self._due[symbol] = quote

    def take(self, limit: int, keep: Callable[[Due], None]) -> None:
        """Hand up to `limit` frames to `keep`, in the order in which their symbols changed first."""
        for symbol in [name for name, _ in zip(self._due, range(limit), strict=False)]:
            quote = self._due.pop(symbol)
            due = Due(symbol, quote, self._sent[symbol])
            if due.previous is None or due.seq > due.previous:
                self._sent[symbol] = due.seq
                keep(due)
