"""Signals in PostgreSQL: how far they were read, who follows them, what a portfolio is worth, and what came of each.

Everything but `claim` belongs to one transaction of the caller, so that an offset moves with its effects.
"""

import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.domain.currency import MINOR_DIGITS, CurrencyError, from_minor
from lakehouse.domain.ids import uuid7
from lakehouse.errors import TidemarkError
from lakehouse.portfolio.fx import Exchange
from lakehouse.portfolio.transactions import to_units
from lakehouse.portfolio.valuation import Asset, Market, worth
from lakehouse.stores.books.history import Fetch
from lakehouse.stores.books.newest import as_prices, newest_prices, newest_rates
from lakehouse.stores.postgres import Transaction, rows_of
from lakehouse.trading.signals import Sides, Signal, Situation, Terms

CLAIM: Final[LiteralString] = """
    INSERT INTO ops.signal_progress AS p (topic, partition, next_offset, epoch, owner, updated_at)
    SELECT %(topic)s, g.partition, g.first, 1, %(owner)s, %(now)s
    FROM unnest(%(partitions)s::int[], %(firsts)s::bigint[]) AS g (partition, first)
    ORDER BY g.partition
    ON CONFLICT (topic, partition) DO UPDATE SET
        epoch = p.epoch + 1, owner = excluded.owner, updated_at = excluded.updated_at
    RETURNING partition, next_offset, epoch
"""
HELD: Final[LiteralString] = """
    SELECT partition, next_offset, epoch FROM ops.signal_progress
    WHERE topic = %(topic)s AND partition = %(partition)s FOR UPDATE
"""
ADVANCE: Final[LiteralString] = """
    UPDATE ops.signal_progress SET next_offset = %(next)s, updated_at = %(now)s
    WHERE topic = %(topic)s AND partition = %(partition)s
"""
# Portfolios stay, and so do their policies, until the transaction ends.
FOLLOWERS: Final[LiteralString] = """
    SELECT s.portfolio_id, p.owner_id, s.sources, s.sides, s.min_confidence, s.max_share, s.max_move,
           s.max_orders_a_day, s.max_age_s
    FROM app.signal_policy AS s
    JOIN app.portfolio AS p ON p.id = s.portfolio_id
    JOIN auth.app_user AS u ON u.id = p.owner_id
    WHERE s.is_active AND u.status = 'active' AND NOT EXISTS (
        SELECT FROM app.signal_outcome AS o WHERE o.portfolio_id = s.portfolio_id AND o.signal_id = %(signal_id)s
    )
    ORDER BY s.portfolio_id
    FOR SHARE OF s FOR KEY SHARE OF p
"""
INSTRUMENT: Final[LiteralString] = """
    SELECT i.currency, i.exchange, i.multiplier FROM app.instrument AS i WHERE i.symbol = %(symbol)s
"""
POSITIONS: Final[LiteralString] = """
    SELECT x.symbol, i.currency, i.multiplier, x.quantity, x.quantity - x.reserved_quantity AS free
    FROM app.position AS x JOIN app.instrument AS i ON i.symbol = x.symbol
    WHERE x.portfolio_id = %(id)s ORDER BY x.symbol
"""
CASH: Final[LiteralString] = """
    SELECT a.currency, a.balance_minor
    FROM ledger.account AS a JOIN app.portfolio AS p ON p.account_id = a.account_id
    WHERE p.id = %(id)s AND a.purpose = 'cash' AND a.balance_minor <> 0
"""
TODAY: Final[LiteralString] = """
    SELECT count(*)::int AS orders FROM app.signal_outcome AS o
    WHERE o.portfolio_id = %(id)s AND o.outcome = 'ordered' AND o.decided_at >= %(midnight)s
"""
RECORD: Final[LiteralString] = """
    INSERT INTO app.signal_outcome (id, portfolio_id, signal_id, symbol, side, confidence, source, signaled_at, outcome,
                                    reason, quantity, order_id, decided_at)
    VALUES (%(id)s, %(portfolio_id)s, %(signal_id)s, %(symbol)s, %(side)s, %(confidence)s, %(source)s, %(signaled_at)s,
            %(outcome)s, %(reason)s, %(quantity)s, %(order_id)s, %(now)s)
"""


class SignalsFenced(TidemarkError):
    """Another process has taken the partitions: this one writes nothing any more."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A partition that this process may write: from `next_offset` on, while its epoch stays."""

    partition: int
    next_offset: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Follower:
    """A portfolio that follows signals."""

    portfolio_id: UUID
    owner_id: UUID
    sources: list[str]
    sides: str
    min_confidence: Decimal
    max_share: Decimal
    max_move: Decimal
    max_orders_a_day: int
    max_age_s: int

    @property
    def terms(self) -> Terms:
        """How it does."""
        return Terms(
            sources=tuple(self.sources),
            sides=Sides(self.sides),
            min_confidence=self.min_confidence,
            max_share=self.max_share,
            max_move=self.max_move,
            max_orders_a_day=self.max_orders_a_day,
            max_age=timedelta(seconds=self.max_age_s),
        )


@dataclass(frozen=True, slots=True)
class Instrument:
    """What a signal names; `exchange` is a MIC."""

    currency: str
    exchange: str
    multiplier: Decimal


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a signal in a portfolio: ordered, where `reason` is empty, or refused by that rule."""

    portfolio_id: UUID
    reason: str
    quantity: Decimal | None = None
    order_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class _Position:
    symbol: str
    currency: str
    multiplier: Decimal
    quantity: Decimal
    free: Decimal


@dataclass(frozen=True, slots=True)
class _Cash:
    currency: str
    balance_minor: int


@dataclass(frozen=True, slots=True)
class _Count:
    orders: int


async def claim(connection: Transaction, topic: str, firsts: Mapping[int, int], *, clock: Clock) -> dict[int, Claim]:
    """Take the partitions, by their numbers; `firsts`: where to begin one that was never taken."""
    names: dict[str, object] = {"topic": topic, "partitions": list(firsts), "firsts": list(firsts.values())}
    owner = f"{socket.gethostname()} {os.getpid()}"
    found = await rows_of(connection, CLAIM, {**names, "now": clock.now(), "owner": owner}, Claim)
    return {each.partition: each for each in found}


async def advance(connection: Transaction, topic: str, held: Claim, offset: int, *, clock: Clock) -> bool:
    """Move the partition past `offset`, locked until the transaction ends; False where it is past it already, as after
    a commit whose answer was lost. Raises SignalsFenced where another process has taken it."""
    names = {"topic": topic, "partition": held.partition}
    found = await rows_of(connection, HELD, names, Claim)
    if not found or found[0].epoch != held.epoch:
        raise SignalsFenced(f"another process decides on {topic}[{held.partition}]: end one of the two")
    if found[0].next_offset > offset:
        return False
    await connection.execute(ADVANCE, {**names, "next": offset + 1, "now": clock.now()})
    return True


async def followers(connection: Transaction, signal_id: UUID) -> list[Follower]:
    """Portfolios of active users that follow signals and for which nothing came of this one yet; they stay as they
    are."""
    return await rows_of(connection, FOLLOWERS, {"signal_id": signal_id}, Follower)


async def instrument(connection: Transaction, symbol: str) -> Instrument | None:
    """The instrument, None where there is none."""
    found = await rows_of(connection, INSTRUMENT, {"symbol": symbol}, Instrument)
    return found[0] if found else None


async def situation(
    connection: Transaction, portfolio_id: UUID, symbol: str, known: Instrument | None, *, now: datetime, is_open: bool
) -> Situation:
    """The portfolio in the instrument's currency at the newest prices and rates, which are judged where orders are."""
    today = now.astimezone(UTC).date()
    fetch: Fetch = partial(rows_of, connection)
    midnight = datetime(today.year, today.month, today.day, tzinfo=UTC)
    [count] = await fetch(TODAY, {"id": portfolio_id, "midnight": midnight}, _Count)
    held = await fetch(POSITIONS, {"id": portfolio_id}, _Position)
    prices = await newest_prices(fetch, [symbol, *(each.symbol for each in held)], today)
    value: Decimal | None = None
    if known is not None and known.currency in MINOR_DIGITS:
        cash = {each.currency: each.balance_minor for each in await fetch(CASH, {"id": portfolio_id}, _Cash)}
        currencies = {known.currency, *cash, *(each.currency for each in held)}
        rates = await newest_rates(fetch, currencies, today)
        assets = {each.symbol: Asset(each.symbol, each.currency, to_units(each.multiplier)) for each in held}
        market = Market(assets, as_prices(prices.values()), Exchange(rates, known.currency))
        # What the ledger could not hold is a value that nobody knows.
        with suppress(CurrencyError):
            found = worth(today, {each.symbol: to_units(each.quantity) for each in held}, cash, market).value_minor
            value = None if found is None else from_minor(found, known.currency)
    return Situation(
        now=now,
        value=value,
        price=prices[symbol].price if symbol in prices else None,
        multiplier=None if known is None else known.multiplier,
        free=next((each.free for each in held if each.symbol == symbol), Decimal(0)),
        orders_today=count.orders,
        is_open=is_open,
    )


async def record(connection: Transaction, signal: Signal, outcomes: Sequence[Outcome], *, clock: Clock) -> None:
    """Write what came of a signal."""
    common = {
        "signal_id": signal.id,
        "symbol": signal.symbol,
        "side": str(signal.side),
        "confidence": signal.confidence,
        "source": signal.source,
        "signaled_at": signal.at,
        "now": clock.now(),
    }
    rows = [
        {
            **common,
            "id": uuid7(clock),
            "portfolio_id": each.portfolio_id,
            "outcome": "refused" if each.reason else "ordered",
            "reason": each.reason,
            "quantity": each.quantity,
            "order_id": each.order_id,
        }
        for each in outcomes
    ]
    async with connection.cursor() as cursor:
        await cursor.executemany(RECORD, rows)
