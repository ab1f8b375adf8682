"""How long a provider has been silent while its exchange was open."""

from datetime import datetime, timedelta

from lakehouse.trading.sessions import time_in_session

_INSTANT = timedelta(seconds=1)


def silence_s(exchange: str | None, last_seen: datetime, now: datetime, *, demo: bool = False) -> float:
    """Seconds of trading since `last_seen`: nights, weekends and holidays do not count; lunch breaks do.

    0 for a provider without an exchange. In demo mode every second counts, as if the exchange never closed.
    """
    if exchange is None:
        return 0.0
    if demo:
        return max(0.0, (now - last_seen).total_seconds())
    return time_in_session(exchange, last_seen, now).total_seconds()


def is_open(exchange: str | None, now: datetime, *, demo: bool = False) -> bool:
    """Whether `exchange` trades at `now`; always where there is none, it has no calendar, or in demo mode."""
    return exchange is None or demo or time_in_session(exchange, now - _INSTANT, now) > timedelta()
