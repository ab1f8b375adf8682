"""Daily closes for tests: random walks that are the same every time."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np

from lakehouse.settings import Settings
from lakehouse.stores import postgres

LAST = date(2022, 12, 28)


def walk(symbol: str, days: int, last: date = LAST) -> list[tuple[date, Decimal]]:
    """`days` closes that end on `last`, one a calendar day."""
    dice = np.random.default_rng([ord(letter) for letter in symbol])
    prices = 100.0 * np.exp(np.cumsum(dice.normal(0.0003, 0.02, days)))
    first = last - timedelta(days=days - 1)
    return [(first + timedelta(days=n), Decimal(f"{price:.4f}")) for n, price in enumerate(prices)]


def write_bars(
    settings: Settings, symbols: Iterable[str], days: int, last: date = LAST, *, like: str | None = None
) -> None:
    """Put the walks of the symbols into market.bar, as bars of a day; what is there stays.

    A symbol that is made up anew in each run is given the walk of one that is not: `like`.
    """
    rows = [
        (symbol, datetime(day.year, day.month, day.day, tzinfo=UTC), close)
        for symbol in symbols
        for day, close in walk(like or symbol, days, last)
    ]
    with postgres.connect(settings.postgres) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO market.bar (symbol, interval, starts_at, close, provider, received_at) "
            "VALUES (%s, '1d', %s, %s, 'test', now()) ON CONFLICT DO NOTHING",
            rows,
        )
