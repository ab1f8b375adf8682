"""Compute and keep a portfolio's value at the close of each day: one function for the API and for a nightly job."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import partial
from typing import Final, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.portfolio.flows import Source, cash_at, externals, holdings_at
from lakehouse.portfolio.fx import Exchange
from lakehouse.portfolio.performance import Flow, History, flow_of
from lakehouse.portfolio.valuation import Asset, Market, Worth, worth
from lakehouse.settings import PostgresSettings
from lakehouse.stores import postgres
from lakehouse.stores.books import history
from lakehouse.stores.books.history import BooksText, Fetch
from lakehouse.stores.postgres import Transaction

MAX_DAYS: Final = 3660
MAX_MINOR: Final = 10**18
WINDOW: Final = timedelta(days=7)
"""Prices and bookings that come later than their day are in its value if they come within so many days."""
EVERY: Final[LiteralString] = """
    SELECT p.id, p.owner_id, p.base_currency,
           (SELECT max(v.business_date) FROM app.valuation AS v WHERE v.portfolio_id = p.id) AS valued
    FROM app.portfolio AS p ORDER BY p.id
"""
STAYS: Final[LiteralString] = """
    SELECT p.id, p.owner_id, p.base_currency FROM app.portfolio AS p WHERE p.id = %(id)s FOR KEY SHARE
"""
WRITE: Final[LiteralString] = """
    INSERT INTO app.valuation (id, owner_id, portfolio_id, business_date, currency, value_minor, cash_minor,
                               net_flow_minor, reasons, computed_at)
    VALUES (%(id)s, %(owner_id)s, %(portfolio_id)s, %(business_date)s, %(currency)s, %(value_minor)s, %(cash_minor)s,
            %(net_flow_minor)s, %(reasons)s, %(computed_at)s)
    ON CONFLICT (portfolio_id, business_date) DO UPDATE
    SET currency = excluded.currency, value_minor = excluded.value_minor, cash_minor = excluded.cash_minor,
        net_flow_minor = excluded.net_flow_minor, reasons = excluded.reasons, computed_at = excluded.computed_at
"""


@dataclass(frozen=True, slots=True)
class Valued:
    """A portfolio to value: `base_currency` is that of its reports."""

    id: UUID
    owner_id: UUID
    base_currency: str


@dataclass(frozen=True, slots=True)
class DayValue:
    """The value at a close, in minor units of the base currency, and what came from outside on that day."""

    worth: Worth
    net_flow_minor: int | None


@dataclass(frozen=True, slots=True)
class Everything:
    """How many portfolios were valued, on how many days in all; on degraded ones something has no new price or rate."""

    portfolios: int
    days: int
    degraded: int


@dataclass(frozen=True, slots=True)
class _Due:
    """A portfolio and the last day on which it was valued."""

    id: UUID
    owner_id: UUID
    base_currency: str
    valued: date | None

    def first(self, last: date) -> date:
        """The day to begin with: no day is left out, however long nobody valued it."""
        window = last - WINDOW + timedelta(days=1)
        return window if self.valued is None else min(window, self.valued + timedelta(days=1))


async def value_everything(section: PostgresSettings, last: date, *, clock: Clock) -> Everything:
    """Value every portfolio on the days of WINDOW up to `last`, and on those since it was valued last; each portfolio
    is committed for itself. Raises OperationalError."""
    days = degraded = 0
    async with await AsyncConnection.connect(postgres.conninfo_of(section), autocommit=True) as connection:
        fetch: Fetch = partial(postgres.rows_of, connection)
        every = await postgres.rows_of(connection, EVERY, {}, _Due)
        for due in every:
            portfolio = Valued(due.id, due.owner_id, due.base_currency)
            values = await value_days(fetch, portfolio, due.first(last), last)
            async with connection.transaction():
                # Gone in the meantime, with all that was about it.
                if not await postgres.rows_of(connection, STAYS, {"id": due.id}, Valued):
                    continue
                await store(connection, portfolio, values, clock)
            days += len(values)
            degraded += sum(bool(each.worth.reasons) for each in values)
    return Everything(len(every), days, degraded)


async def value_days(fetch: Fetch, portfolio: Valued, first: date, last: date) -> list[DayValue]:
    """The value at the close of each day from `first` to `last` on which the portfolio existed, at most MAX_DAYS.

    The work runs in threads: the caller's event loop goes on.
    """
    text = await history.read_books(fetch, portfolio.id)
    days = [first + timedelta(days=offset) for offset in range(min((last - first).days + 1, MAX_DAYS))]
    past, assets, spans = await asyncio.to_thread(_prepare, text, days)
    if past is None:
        return []
    currencies = {each.currency for each in past.cash_days} | {asset.currency for asset in assets.values()}
    bars = await history.read_closes(fetch, spans, days)
    rates = await history.read_rates(fetch, currencies | {portfolio.base_currency}, last)

    def compute() -> list[DayValue]:
        exchange = Exchange(history.parse_rates(rates), portfolio.base_currency)
        return _values(past, days, Market(assets, history.parse_closes(bars), exchange))

    return await asyncio.to_thread(compute)


async def store(connection: Transaction, portfolio: Valued, values: Sequence[DayValue], clock: Clock) -> None:
    """Keep the values; a day that was valued before is valued anew, under its id."""
    now = clock.now()
    rows = [
        {
            "id": uuid7(clock),
            "owner_id": portfolio.owner_id,
            "portfolio_id": portfolio.id,
            "business_date": each.worth.day,
            "currency": portfolio.base_currency,
            "value_minor": _bounded(each.worth.value_minor),
            "cash_minor": _bounded(each.worth.cash_minor),
            "net_flow_minor": _bounded(each.net_flow_minor),
            "reasons": Jsonb(_reasons(each.worth)),
            "computed_at": now,
        }
        for each in values
    ]
    async with connection.cursor() as cursor:
        await cursor.executemany(WRITE, rows)


def _prepare(
    text: BooksText, days: Sequence[date]
) -> tuple[History | None, dict[str, Asset], dict[str, tuple[date, date]]]:
    past, assets = history.parse_books(text)
    if past.first_day is None or not days or past.first_day > days[-1]:
        return None, assets, {}
    spans: dict[str, tuple[date, date]] = {}
    for day, held in holdings_at(past.steps, days).items():
        for symbol in held:
            first, _ = spans.get(symbol, (day, day))
            spans[symbol] = (first, day)
    for each in externals(past.cash_days, past.steps, days[0], days[-1]):
        if each.source is Source.UNITS:
            first, last = spans.get(each.name, (each.day, each.day))
            spans[each.name] = (min(first, each.day), max(last, each.day))
    return past, assets, spans


def _values(past: History, days: Sequence[date], market: Market) -> list[DayValue]:
    began = past.first_day
    holdings, cash = holdings_at(past.steps, days), cash_at(past.cash_days, days)
    flows: dict[date, list[Flow]] = {}
    for each in externals(past.cash_days, past.steps, days[0], days[-1]):
        flows.setdefault(each.day, []).append(flow_of(each, market))
    return [
        DayValue(worth(day, holdings[day], cash[day], market), _net(flows.get(day, ())))
        for day in days
        if began is not None and day >= began
    ]


def _net(flows: Iterable[Flow]) -> int | None:
    total = 0
    for flow in flows:
        if flow.base_minor is None:
            return None
        total += flow.base_minor
    return total


def _bounded(minor: int | None) -> int | None:
    return None if minor is None or abs(minor) >= MAX_MINOR else minor


def _reasons(found: Worth) -> list[dict[str, object]]:
    reasons: list[dict[str, object]] = [asdict(reason) for reason in found.reasons]
    known = (_bounded(found.value_minor), _bounded(found.cash_minor))
    if None in known and not reasons:
        reasons.append({"code": "value_too_large", "names": [], "detail": "more than the books can hold"})
    return reasons
