"""The newest price and rates of a day: what every value of now rests on, read by one statement each."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, LiteralString

from lakehouse.portfolio.fx import Quoted, Rates
from lakehouse.portfolio.transactions import to_units
from lakehouse.portfolio.valuation import Prices
from lakehouse.stores.books.history import PIVOTS, Fetch

# Of the last quote, where it is in the instrument's currency, and the last daily close the newer; of equals the quote.
PRICES: Final[LiteralString] = """
    SELECT i.symbol, p.price, p.day, p.as_of, p.provider
    FROM app.instrument AS i
    CROSS JOIN LATERAL (
        SELECT x.price, (x.as_of AT TIME ZONE 'UTC')::date AS day, x.as_of, x.provider
        FROM (
            SELECT q.price, q.as_of, q.provider, 1 AS rank
            FROM market.realtime_symbols AS q
            WHERE q.symbol = i.symbol AND q.currency = i.currency AND q.as_of < %(today)s::date + 1
            UNION ALL
            (SELECT b.close, b.starts_at, b.provider, 0 FROM market.bar AS b
             WHERE b.symbol = i.symbol AND b.interval = '1d' AND b.starts_at < %(today)s::date + 1
             ORDER BY b.starts_at DESC LIMIT 1)
        ) AS x
        ORDER BY day DESC, x.rank DESC LIMIT 1
    ) AS p
    WHERE i.symbol = ANY(%(symbols)s)
"""
RATES: Final[LiteralString] = """
    SELECT b.code AS base, q.code AS quote, r.as_of, r.rate
    FROM unnest(%(currencies)s::text[]) AS b (code)
    JOIN unnest(%(currencies)s::text[]) AS q (code) ON q.code <> b.code
    CROSS JOIN LATERAL (
        SELECT x.as_of, x.rate FROM market.fx_rate AS x
        WHERE x.base = b.code AND x.quote = q.code AND x.as_of <= %(today)s
        ORDER BY x.as_of DESC LIMIT 1
    ) AS r
"""


@dataclass(frozen=True, slots=True)
class NewestPrice:
    """The newest price of a symbol in its instrument's currency; a daily close is as of the start of its day."""

    symbol: str
    price: Decimal
    day: date
    as_of: datetime
    provider: str


async def newest_prices(fetch: Fetch, symbols: Collection[str], today: date) -> dict[str, NewestPrice]:
    """The newest price of each of `symbols` that is not from after `today`; what has none is left out."""
    if not symbols:
        return {}
    found = await fetch(PRICES, {"symbols": sorted(set(symbols)), "today": today}, NewestPrice)
    return {each.symbol: each for each in found}


async def newest_rates(fetch: Fetch, currencies: Collection[str], today: date) -> Rates:
    """The newest rates among `currencies`, and by way of the pivots, on or before `today`."""
    if len(set(currencies)) < 2:
        return Rates(())
    wanted = sorted({*currencies, *PIVOTS})
    return Rates(await fetch(RATES, {"currencies": wanted, "today": today}, Quoted))


def as_prices(found: Iterable[NewestPrice]) -> Prices:
    """Prices that `lakehouse.portfolio.valuation` values with."""
    prices = Prices()
    for each in found:
        prices.add(each.symbol, [(each.day, to_units(each.price))])
    return prices
