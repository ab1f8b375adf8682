"""The book of the proof: portfolios with positions, rules near enough to fire, and orders that stand from before the
ticks on, written as the API writes them."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final, LiteralString, TypeVar
from uuid import UUID

import numpy as np

from bench.hot_exact_ticks import FIRST_PRICE, REAL, SYMBOLS
from lakehouse.clock import ManualClock
from lakehouse.domain.ids import uuid7
from lakehouse.portfolio.transactions import Draft, Kind
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.books import orders
from lakehouse.stores.books.booking import book, open_books
from lakehouse.stores.books.order_rows import Screening
from lakehouse.stores.postgres import Pool, Transaction
from lakehouse.trading.order import Order, OrderClass, OrderType, Side, TimeInForce
from lakehouse.trading.ticket import Exit, Ticket

PORTFOLIOS: Final = 24
HELD: Final = 8
UNITS: Final = 1_000
CASH_MINOR: Final = 5_000_000_000
# When the real ticks begin; what is held and ordered of their symbols is from the week before.
BEFORE_REAL: Final = datetime(2013, 10, 3, 15, tzinfo=UTC)
REAL_PRICES: Final = {"SPY": 168.0, "IBM": 183.0}
Found = TypeVar("Found")

INSTRUMENTS: Final[LiteralString] = """
    INSERT INTO app.instrument (symbol, name, currency, exchange)
    SELECT s.symbol, s.symbol, 'USD', 'XNAS' FROM unnest(%(symbols)s::text[]) AS s (symbol)
"""
OWNER: Final[LiteralString] = """
    INSERT INTO auth.app_user (id, email, display_name) VALUES (%(owner)s, %(email)s, 'an owner')
"""
ACCOUNT: Final[LiteralString] = """
    INSERT INTO app.account (id, owner_id, name, base_currency) VALUES (%(account)s, %(owner)s, %(email)s, 'USD')
"""
PORTFOLIO: Final[LiteralString] = """
    INSERT INTO app.portfolio (id, owner_id, account_id, name, base_currency)
    VALUES (%(portfolio)s, %(owner)s, %(account)s, %(email)s, 'USD')
"""
RULE: Final[LiteralString] = """
    INSERT INTO alerting.rule (
        id, owner_id, portfolio_id, symbol, kind, limit_value, is_amount, hysteresis, cool_down_s, once, severity,
        status, armed_at, created_at, updated_at
    )
    VALUES (%(id)s, %(owner)s, %(portfolio)s, %(symbol)s, %(kind)s, %(limit)s, false, 0.002, %(cool_down_s)s, false,
            'warning', 'active', now(), now(), now())
"""


@dataclass(frozen=True, slots=True)
class Holder:
    """A portfolio and whose it is; `symbols` are what it holds."""

    owner: UUID
    account: UUID
    portfolio: UUID
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Filled:
    """What was written; orders that were rejected by rule."""

    portfolios: int
    rules: int
    orders: int
    rejected: dict[str, int]


def fill(settings: Settings, *, seed: int, day: date) -> Filled:
    """Write the book into an empty platform; orders in seeded symbols are from the midnight before the `day`."""
    random = np.random.default_rng(seed)
    clock = ManualClock(BEFORE_REAL)
    holders = [_holder(random, clock) for _ in range(PORTFOLIOS)]
    with postgres.connect(settings.postgres) as connection:
        connection.execute(INSTRUMENTS, {"symbols": [*SYMBOLS, *REAL]})
        for holder in holders:
            names = {"owner": holder.owner, "account": holder.account, "portfolio": holder.portfolio}
            for statement in (OWNER, ACCOUNT, PORTFOLIO):
                connection.execute(statement, names | {"email": f"{holder.portfolio.hex}@example.com"})
        rules = [rule for holder in holders for rule in _rules(holder, clock)]
        connection.cursor().executemany(RULE, rules)
    pool = postgres.write_pool(settings.postgres, timeout_s=30.0)
    with asyncio.Runner() as runner:
        runner.run(pool.open(wait=False))
        try:
            placed = [each for holder in holders for each in _worked(runner, pool, holder, random, clock, day)]
        finally:
            runner.run(pool.close())
    return Filled(len(holders), len(rules), placed.count(""), dict(Counter(each for each in placed if each)))


def _holder(random: np.random.Generator, clock: ManualClock) -> Holder:
    seeded = [str(name) for name in random.choice(SYMBOLS, HELD, replace=False)]
    return Holder(uuid7(clock), uuid7(clock), uuid7(clock), (*REAL, *seeded))


def _rules(holder: Holder, clock: ManualClock) -> Iterator[dict[str, object]]:
    """A rule of each kind that needs no daily bars."""
    own = {"owner": holder.owner, "portfolio": holder.portfolio, "symbol": None, "cool_down_s": 300}
    for kind, limit in (("drawdown", "0.002"), ("daily_loss", "0.002"), ("concentration", "0.2")):
        yield {"id": uuid7(clock), **own, "kind": kind, "limit": limit}
    for symbol in holder.symbols:
        price, held = _price(symbol), own | {"symbol": symbol}
        yield {"id": uuid7(clock), **held, "kind": "stop_loss", "limit": f"{price * 0.99:.2f}"}
        yield {"id": uuid7(clock), **held, "kind": "take_profit", "limit": f"{price * 1.01:.2f}"}
        yield {"id": uuid7(clock), **held, "kind": "trailing_stop", "limit": "0.01"}
        of_symbol = {"price_above": f"{price * 1.005:.2f}", "crossed_quote": None, "stale_quote": "120"}
        for kind, bound in of_symbol.items():
            yield {"id": uuid7(clock), **held, "portfolio": None, "kind": kind, "limit": bound}


def _worked(
    runner: asyncio.Runner, pool: Pool, holder: Holder, random: np.random.Generator, clock: ManualClock, day: date
) -> Iterator[str]:
    """Money, positions and orders; of each order the rule that rejected it, or nothing."""

    def run(work: Callable[[Transaction], Awaitable[Found]]) -> Found:
        async def within() -> Found:
            async with postgres.transaction(pool) as connection:
                return await work(connection)

        clock.sleep(0.001)
        return runner.run(within())

    async def begin(connection: Transaction) -> None:
        books = await open_books(connection, holder.portfolio, owner_id=holder.owner)
        if books is None:
            raise AssertionError("the portfolio was written a moment ago")
        await book(connection, books, _drafts(holder, clock), clock=clock)

    def place(ticket: Ticket, at: ManualClock) -> str:
        async def work(connection: Transaction) -> str:
            def screen(_: Order, __: orders.Scene) -> Screening:
                return Screening(request_hash=ticket.digest)

            placed = await orders.place(connection, ticket, owner_id=holder.owner, clock=at, screen=screen)
            return "" if placed.violation is None else placed.violation.rule

        at.sleep(0.001)
        return run(work)

    run(begin)
    later = ManualClock(datetime.combine(day, time(), UTC) - timedelta(seconds=1))
    for symbol in holder.symbols:
        for ticket in _tickets(holder, symbol, random):
            yield place(ticket, clock if symbol in REAL else later)


def _drafts(holder: Holder, clock: ManualClock) -> Sequence[Draft]:
    at = clock.now() - timedelta(days=1)
    held = [
        Draft(
            kind=Kind.BUY,
            occurred_at=at + timedelta(seconds=1),
            currency="USD",
            symbol=symbol,
            quantity=Decimal(UNITS),
            price=Decimal(str(_price(symbol))),
        )
        for symbol in holder.symbols
    ]
    return [Draft(kind=Kind.DEPOSIT, occurred_at=at, currency="USD", amount_minor=CASH_MINOR), *held]


def _tickets(holder: Holder, symbol: str, random: np.random.Generator) -> Iterator[Ticket]:
    """Limits, stops, brackets and trails at seeded distances, some of which the prices of the day will reach."""
    price = _price(symbol)

    def at(share: float) -> Decimal:
        return Decimal(f"{price * (1 + share):.2f}")

    def ticket(side: Side, kind: OrderType) -> Ticket:
        return Ticket(
            portfolio_id=holder.portfolio,
            symbol=symbol,
            side=side,
            type=kind,
            quantity=Decimal(int(random.integers(5, 120))),
            source="api",
            time_in_force=TimeInForce.GTC,
        )

    for _ in range(3):
        low, high = random.uniform(0.001, 0.03), random.uniform(0.001, 0.03)
        yield replace(ticket(Side.BUY, OrderType.LIMIT), limit_price=at(-low))
        yield replace(ticket(Side.SELL, OrderType.LIMIT), limit_price=at(high))
        yield replace(ticket(Side.BUY, OrderType.STOP), stop_price=at(high))
    yield replace(ticket(Side.SELL, OrderType.STOP), stop_price=at(-random.uniform(0.005, 0.03)))
    yield replace(ticket(Side.SELL, OrderType.STOP_LIMIT), stop_price=at(-0.01), limit_price=at(-0.012))
    yield replace(
        ticket(Side.BUY, OrderType.LIMIT),
        limit_price=at(-random.uniform(0.001, 0.01)),
        order_class=OrderClass.BRACKET,
        take_profit=Exit(limit_price=at(0.01)),
        stop_loss=Exit(stop_price=at(-0.02)),
    )


def _price(symbol: str) -> float:
    return REAL_PRICES.get(symbol, FIRST_PRICE)
