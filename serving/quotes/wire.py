"""Quotes as JSON, encoded once when they arrive: what answers, streams and sockets send are these very bytes."""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

import orjson

from lakehouse.domain.quote import LatestQuote
from serving.kit.types import plain

PERCENT_SCALE = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class WireQuote:
    """A quote and its JSON, up to `fresh_until_s` (seconds since 1970) as `fresh`, afterwards as `stale`."""

    row: LatestQuote
    fresh_until_s: float
    fresh: bytes
    stale: bytes

    def body(self, now_s: float) -> bytes:
        """The JSON object as it is true at `now_s`."""
        return self.fresh if now_s <= self.fresh_until_s else self.stale

    def is_stale(self, now_s: float) -> bool:
        """Whether the price is older than the setting allows."""
        return now_s > self.fresh_until_s


def encode(row: LatestQuote, *, stale_after_s: float) -> WireQuote:
    """The wire form of a row of the master table."""
    change = None if row.previous_close is None else row.price - row.previous_close
    members: dict[str, object] = {
        "symbol": row.symbol,
        "price": plain(row.price),
        "bid": _text(row.bid),
        "ask": _text(row.ask),
        "bid_size": _text(row.bid_size),
        "ask_size": _text(row.ask_size),
        "previous_close": _text(row.previous_close),
        "change": _text(change),
        "change_pct": _percent(change, row.previous_close),
        "currency": row.currency,
        "provider": row.provider,
        "as_of": instant(row.as_of),
        "updated_at": instant(row.updated_at),
        "seq": row.version,
    }
    return WireQuote(
        row=row,
        fresh_until_s=row.as_of.timestamp() + stale_after_s,
        fresh=orjson.dumps({**members, "stale": False}),
        stale=orjson.dumps({**members, "stale": True}),
    )


def instant(value: datetime) -> str:
    """ISO 8601 in UTC with a Z, as every answer of the API writes it."""
    return value.isoformat().replace("+00:00", "Z")


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _percent(change: Decimal | None, previous: Decimal | None) -> str | None:
    if change is None or previous is None:
        return None
    return plain((change / previous * 100).quantize(PERCENT_SCALE, rounding=ROUND_HALF_EVEN))
