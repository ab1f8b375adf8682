"""Prices for tests of quotes, streams and sockets, sent through the API as its admin does."""

from datetime import datetime, timedelta
from itertools import count

import httpx

from lakehouse.clock import SystemClock

CLOCK = SystemClock()
_NUMBERS = count(1)


def observation(symbol: str, price: str, *, as_of: datetime | None = None, **more: str) -> dict[str, object]:
    """The body of POST /api/v1/market-data; each one is newer than those made before."""
    made = as_of or CLOCK.now() - timedelta(seconds=60)
    return {
        "symbol": symbol,
        "price": price,
        "currency": "USD",
        "provider": "test-feed",
        "as_of": made.isoformat(),
        "seq": next(_NUMBERS),
        **more,
    }


def send(client: httpx.Client, *bodies: dict[str, object]) -> list[dict[str, object]]:
    """Record observations as an admin's client; the observations that were made of them."""
    answer = client.post("/api/v1/market-data/batch", json=list(bodies))
    assert answer.status_code == 201, answer.text
    found: list[dict[str, object]] = answer.json()
    return found
