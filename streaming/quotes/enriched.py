"""Rows of the master table as messages of market.quotes.enriched. Pure."""

from decimal import Decimal

import orjson

from lakehouse.clock import epoch_us
from lakehouse.domain.quote import LatestQuote

_BPS = 10_000


def message_of(row: LatestQuote) -> bytes:
    """The quote with what follows from it, as the topic's contract says."""
    mid = None if row.bid is None or row.ask is None else (row.bid + row.ask) / 2
    spread = None if mid is None or row.bid is None or row.ask is None else float((row.ask - row.bid) / mid) * _BPS
    change = None if row.previous_close is None else row.price - row.previous_close
    ratio = None if change is None or row.previous_close is None else float(change / row.previous_close)
    return orjson.dumps(
        {
            "symbol": row.symbol,
            "version": row.version,
            "event_time_us": epoch_us(row.as_of),
            "provider": row.provider,
            "currency": row.currency,
            "price": _text(row.price),
            "bid": _text(row.bid),
            "ask": _text(row.ask),
            "mid": _text(mid),
            "spread_bps": spread,
            "previous_close": _text(row.previous_close),
            "change": _text(change),
            "change_ratio": ratio,
        }
    )


def _text(price: Decimal | None) -> str | None:
    return None if price is None else f"{round(price, 8):f}"
