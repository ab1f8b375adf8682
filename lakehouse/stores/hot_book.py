"""What the hot process watches, read from PostgreSQL as plain values: instruments, portfolios, positions, cash, rates.

Amounts become whole ten-thousandths of the portfolio's currency (`lakehouse.alerting.book`), prices and rates floats.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.alerting.book import clamped, quanta, summable
from lakehouse.domain.currency import from_minor
from lakehouse.portfolio.fx import Rates
from lakehouse.stores.books.history import Fetch
from lakehouse.stores.books.newest import newest_rates
from lakehouse.stores.postgres import Transaction, rows_of

SNAPSHOT: Final[LiteralString] = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
INSTRUMENTS: Final[LiteralString] = "SELECT i.symbol, i.currency FROM app.instrument AS i ORDER BY i.symbol"
# An event names a portfolio, or the account that holds its cash.
PORTFOLIOS: Final[LiteralString] = """
    SELECT p.id::text, p.base_currency AS currency FROM app.portfolio AS p
    WHERE %(ids)s::uuid[] IS NULL OR p.id = ANY (%(ids)s) OR p.account_id = ANY (%(ids)s)
    ORDER BY p.id
"""
# One row a portfolio: rows of a position each would hold up the ticks of a large book while they become objects.
POSITIONS: Final[LiteralString] = """
    SELECT x.portfolio_id::text AS portfolio,
           json_object_agg(x.symbol, (x.quantity * i.multiplier)::double precision ORDER BY x.symbol) AS units
    FROM app.position AS x JOIN app.instrument AS i ON i.symbol = x.symbol
    WHERE %(ids)s::uuid[] IS NULL OR x.portfolio_id = ANY (%(ids)s)
    GROUP BY x.portfolio_id
    ORDER BY x.portfolio_id
"""
CASH: Final[LiteralString] = """
    SELECT p.id::text AS portfolio, a.currency, a.balance_minor::numeric AS minor
    FROM app.portfolio AS p JOIN ledger.account AS a ON a.account_id = p.account_id
    WHERE a.purpose = 'cash' AND a.balance_minor <> 0 AND (%(ids)s::uuid[] IS NULL OR p.id = ANY (%(ids)s))
"""
# In the portfolio's currency at the rate at which each was booked.
FLOWS: Final[LiteralString] = """
    SELECT t.portfolio_id::text AS portfolio, t.currency, sum(t.cash_minor * t.fx_rate) AS minor
    FROM app.transaction AS t
    WHERE t.kind IN ('deposit', 'withdrawal') AND t.reversed_at IS NULL
        AND (%(ids)s::uuid[] IS NULL OR t.portfolio_id = ANY (%(ids)s))
    GROUP BY t.portfolio_id, t.currency
"""
MARKS: Final[LiteralString] = """
    SELECT r.symbol, (extract(epoch FROM r.as_of) * 1000000)::bigint AS at_us, r.bid::double precision,
           r.ask::double precision, r.price::double precision AS mark
    FROM market.realtime_symbols AS r ORDER BY r.symbol
"""


@dataclass(frozen=True, slots=True)
class _Named:
    id: str
    currency: str


@dataclass(frozen=True, slots=True)
class _Instrument:
    symbol: str
    currency: str


@dataclass(frozen=True, slots=True)
class _Positions:
    portfolio: str
    units: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Amount:
    portfolio: str
    currency: str
    minor: Decimal


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest price of a symbol in the master table; `at_us` is its event time."""

    symbol: str
    at_us: int
    bid: float | None
    ask: float | None
    mark: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Portfolios and all that is in them, of one snapshot.

    `cash` is None where a balance has no rate, or is too large to be judged; `flows` is what ever came from outside,
    less what went there, at most the largest that can be; `rates` are by `EUR/USD`, among all currencies that occur.
    """

    instruments: dict[str, str]
    portfolios: dict[str, str]
    units: dict[str, dict[str, float]]
    cash: dict[str, int | None]
    flows: dict[str, int]
    rates: dict[str, float]


async def held(connection: Transaction, portfolios: Sequence[UUID] | None, today: date) -> Held:
    """What is in these portfolios, or in those of these accounts; None: in all. Instruments are all there are.

    Within a transaction of the caller's, of which it is the first to do anything.
    """
    await connection.execute(SNAPSHOT)
    fetch: Fetch = partial(rows_of, connection)
    instruments = {row.symbol: row.currency for row in await fetch(INSTRUMENTS, {}, _Instrument)}
    asked = None if portfolios is None else list(portfolios)
    named = {row.id: row.currency for row in await fetch(PORTFOLIOS, {"ids": asked}, _Named)}
    ids = {"ids": None if portfolios is None else [UUID(each) for each in named]}
    units = {
        row.portfolio: {symbol: float(held) for symbol, held in row.units.items()}
        for row in await fetch(POSITIONS, ids, _Positions)
    }
    balances = await fetch(CASH, ids, _Amount)
    flows = await fetch(FLOWS, ids, _Amount)
    currencies = {*instruments.values(), *named.values(), *(row.currency for row in balances)}
    rates = await newest_rates(fetch, currencies, today)
    pairs = ((source, target) for source in currencies for target in set(named.values()) if source != target)
    known = {f"{source}/{target}": rates.find(source, target, today) for source, target in pairs}
    return Held(
        instruments=instruments,
        portfolios=named,
        units=units,
        cash=_cash(named, balances, rates, today),
        flows=_flows(named, flows),
        rates={pair: float(rate.value) for pair, rate in sorted(known.items()) if rate is not None},
    )


async def marks(connection: Transaction) -> list[Mark]:
    """The newest price of every symbol that has one."""
    return await rows_of(connection, MARKS, {}, Mark)


def _cash(named: dict[str, str], balances: Sequence[_Amount], rates: Rates, today: date) -> dict[str, int | None]:
    found: dict[str, int | None] = dict.fromkeys(named, 0)
    for row in balances:
        rate = rates.find(row.currency, named[row.portfolio], today)
        so_far = found[row.portfolio]
        if rate is None or so_far is None:
            found[row.portfolio] = None
        else:
            found[row.portfolio] = so_far + quanta(from_minor(int(row.minor), row.currency) * rate.value)
    return {owner: None if held is None else summable(held) for owner, held in found.items()}


def _flows(named: dict[str, str], flows: Sequence[_Amount]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in flows:
        if row.portfolio in named:
            amount = row.minor * from_minor(1, row.currency)
            found[row.portfolio] = found.get(row.portfolio, 0) + quanta(amount)
    return {owner: clamped(moved) for owner, moved in found.items()}
