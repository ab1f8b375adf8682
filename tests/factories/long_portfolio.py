"""A portfolio with a long past, booked the way every transaction is: deposits, purchases, sales, dividends, splits."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import numpy as np
from psycopg import AsyncConnection

from lakehouse.clock import SystemClock
from lakehouse.domain.ids import uuid7
from lakehouse.portfolio.transactions import Draft, Kind
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.books.booking import book, open_books

CLOCK = SystemClock()
CENT = Decimal("0.01")

BARS = """
    INSERT INTO market.bar (symbol, interval, starts_at, open, high, low, close, volume, provider, received_at)
    SELECT i.symbol, '1d', d, NULL, NULL, NULL,
           round((40 + 20 * mod(i.n, 9) + 15 * sin(i.n + extract(epoch FROM d) / 9e6)
                  + extract(epoch FROM d - %(first)s::timestamptz) / 5e6)::numeric, 2),
           NULL, 'generated', now()
    FROM unnest(%(symbols)s::text[]) WITH ORDINALITY AS i (symbol, n)
    CROSS JOIN generate_series(%(first)s::timestamptz, %(last)s::timestamptz, interval '1 day') AS d
    WHERE extract(isodow FROM d) < 6
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How long a past: `deposit_days` are the days from one deposit to the next."""

    activities: int
    symbols: int
    years: int
    deposit_days: int = 30
    seed: int = 7

    @property
    def names(self) -> list[str]:
        return [f"GEN{number:04d}" for number in range(self.symbols)]


def long_portfolio(settings: Settings, owner_id: UUID, shape: Shape, *, last: date) -> UUID:
    """Make the instruments, their daily bars and the portfolio; returns its id."""
    first = last - timedelta(days=365 * shape.years)
    _instruments(settings, shape, first, last)
    portfolio_id = new_portfolio(settings, owner_id, f"generated {shape.activities}")
    asyncio.run(_book(settings, portfolio_id, owner_id, list(drafts(shape, first, last))))
    return portfolio_id


def new_portfolio(settings: Settings, owner_id: UUID, name: str, *, currency: str = "USD") -> UUID:
    """An empty portfolio with an account of its own."""
    portfolio_id, account_id = uuid7(CLOCK), uuid7(CLOCK)
    with postgres.connect(settings.postgres) as connection:
        connection.execute(
            "INSERT INTO app.account (id, owner_id, name, base_currency) VALUES (%s, %s, %s, %s)",
            (account_id, owner_id, f"{name} {account_id}", currency),
        )
        connection.execute(
            "INSERT INTO app.portfolio (id, owner_id, account_id, name, description, base_currency, created_at) "
            "VALUES (%s, %s, %s, %s, '', %s, now())",
            (portfolio_id, owner_id, account_id, f"{name} {portfolio_id}", currency),
        )
    return portfolio_id


def drafts(shape: Shape, first: date, last: date) -> Iterator[Draft]:
    """The transactions in order of time: exactly `shape.activities`."""
    chance = np.random.default_rng(shape.seed)
    held = dict.fromkeys(shape.names, 0)
    span = (last - first).days
    for number in range(shape.activities):
        offset = span * number // shape.activities
        at = datetime.combine(first, datetime.min.time(), UTC) + timedelta(
            days=offset, seconds=36_000 + number % 20_000
        )
        yield _one(chance, held, number, at, shape)


def _one(chance: np.random.Generator, held: dict[str, int], number: int, at: datetime, shape: Shape) -> Draft:
    symbol = shape.names[int(chance.integers(shape.symbols))]
    per_deposit = max(1, shape.activities * shape.deposit_days // (365 * shape.years))
    if number % per_deposit == 0:
        return Draft(kind=Kind.DEPOSIT, occurred_at=at, currency="USD", amount_minor=100_000_000)
    if number % 5_000 == 4_999:
        held[symbol] *= 2
        return Draft(kind=Kind.SPLIT, occurred_at=at, currency="USD", symbol=symbol, ratio=Decimal(2))
    if chance.random() < 0.1:
        amount = int(chance.integers(100, 9_999))
        return Draft(
            kind=Kind.DIVIDEND, occurred_at=at, currency="USD", symbol=symbol, amount_minor=amount, tax_minor=15
        )
    is_sale = held[symbol] >= 5 and chance.random() < 0.4
    quantity = int(chance.integers(1, held[symbol] if is_sale else 20))
    held[symbol] += -quantity if is_sale else quantity
    return Draft(
        kind=Kind.SELL if is_sale else Kind.BUY,
        occurred_at=at,
        currency="USD",
        symbol=symbol,
        quantity=Decimal(quantity),
        price=int(chance.integers(40_00, 220_00)) * CENT,
        fee_minor=100,
    )


def _instruments(settings: Settings, shape: Shape, first: date, last: date) -> None:
    with postgres.connect(settings.postgres) as connection:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO app.instrument (symbol, name, currency, exchange, created_at) "
                "VALUES (%s, %s, 'USD', 'XNAS', now()) ON CONFLICT DO NOTHING",
                [(name, f"Generated {name}") for name in shape.names],
            )
        connection.execute(BARS, {"symbols": shape.names, "first": first, "last": last})
        connection.execute("ANALYZE market.bar")


async def _book(settings: Settings, portfolio_id: UUID, owner_id: UUID, made: list[Draft]) -> None:
    async with await AsyncConnection.connect(postgres.conninfo_of(settings.postgres)) as connection:
        books = await open_books(connection, portfolio_id, owner_id=owner_id)
        if books is None:
            raise RuntimeError(f"{portfolio_id} is not {owner_id}'s")
        await book(connection, books, made, clock=CLOCK)
