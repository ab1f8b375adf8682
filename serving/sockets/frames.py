"""Frames of the stream protocol as text. What is the same for every client is encoded once and shared."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from math import inf
from typing import Final

import orjson

from serving.quotes.wire import WireQuote, instant
from serving.sockets.follower import Due

QUOTES = "quotes"
SHARED_S: Final = 0.02


class QuoteTexts:
    """The part of a quote's frames that every client gets alike, made once a version."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[int, bool, str, str]] = {}

    def frame(self, quote: WireQuote, now_s: float) -> str:
        """The members of the frame from `channel` on, with the closing brace."""
        return self._of(quote, now_s)[2]

    def data(self, quote: WireQuote, now_s: float) -> str:
        """The quote as `GET /api/v1/quotes` shows it."""
        return self._of(quote, now_s)[3]

    def _of(self, quote: WireQuote, now_s: float) -> tuple[int, bool, str, str]:
        row, is_stale = quote.row, quote.is_stale(now_s)
        made = self._made.get(row.symbol)
        if made is None or made[0] != row.version or made[1] != is_stale:
            data = quote.body(now_s).decode()
            as_of = row.as_of.isoformat().replace("+00:00", "Z")
            frame = (
                f'"channel":"quotes","symbol":"{row.symbol}","seq":{row.version},"ts_event":"{as_of}","data":{data}}}'
            )
            made = self._made[row.symbol] = (row.version, is_stale, frame, data)
        return made


class Messages:
    """The last message of quotes, for the next sockets that stand where its reader stood: most do at every tick.

    It is handed out for SHARED_S after it was made, so its `ts_sent`, and what it calls stale, is that old at most.
    """

    def __init__(self, texts: QuoteTexts) -> None:
        self._texts = texts
        self._places: list[tuple[str, int | None, int]] = []
        self._made_s = -inf
        self._text = ""

    def of(self, dues: Sequence[Due], now: datetime) -> str:
        """One message of one or many frames."""
        places = [(due.symbol, due.previous, due.seq) for due in dues]
        now_s = now.timestamp()
        if not 0 <= now_s - self._made_s <= SHARED_S or places != self._places:
            at = instant(now)
            self._text = together([quote_frame(due, self._texts, at, now_s) for due in dues])
            self._places, self._made_s = places, now_s
        return self._text


def quote_frame(due: Due, texts: QuoteTexts, now: str, now_s: float) -> str:
    """A snapshot or update of a symbol."""
    head = (
        f'{{"type":"snapshot","prev_seq":null,"dropped":0,"ts_sent":"{now}",'
        if due.previous is None
        else f'{{"type":"update","prev_seq":{due.previous},"dropped":{due.dropped},"ts_sent":"{now}",'
    )
    if due.quote is None:
        return f'{head}"channel":"quotes","symbol":"{due.symbol}","seq":0,"ts_event":null,"data":null}}'
    return head + texts.frame(due.quote, now_s)


def seed_snapshot(dues: Iterable[Due], texts: QuoteTexts, now_s: float, missing: Sequence[object] = ()) -> str:
    """The seeds' message: quotes by symbol."""
    found = ",".join(f'"{due.symbol}":{texts.data(due.quote, now_s)}' for due in dues if due.quote is not None)
    tail = f',"missing":{text_of(missing)}' if missing else ""
    return f'{{"type":"snapshot","quotes":{{{found}}}{tail}}}'


def together(frames: Sequence[str]) -> str:
    """One message of one or many frames."""
    return frames[0] if len(frames) == 1 else f'{{"type":"batch","frames":[{",".join(frames)}]}}'


def text_of(frame: object) -> str:
    """JSON of a frame that only one client gets."""
    return orjson.dumps(frame, default=str).decode()
