"""A portfolio's past and the prices that value it, read for `lakehouse.portfolio.performance`.

A portfolio may have 50,000 transactions: PostgreSQL sends each part as one text, and the texts are parsed by pure
functions, which the caller runs off the event loop. The books come from one statement, so from one moment.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, LiteralString, Protocol, TypeVar
from uuid import UUID

from lakehouse.portfolio.flows import CashDay, Steps
from lakehouse.portfolio.fx import Quoted, Rates
from lakehouse.portfolio.performance import ClosedDay, History, OpenCost, TransferDay
from lakehouse.portfolio.transactions import Kind, to_units
from lakehouse.portfolio.valuation import Asset, Prices
from lakehouse.stores.postgres import Query

Record = TypeVar("Record")
Spans = Mapping[str, tuple[date, date]]
PIVOTS: Final = ("USD", "EUR")  # rates between two other currencies go by way of these
# Asking for single closes costs an index search each; reading a whole span costs a row for each of its days.
SEARCH_COST: Final = 4

BOOKS: Final[LiteralString] = r"""
    WITH booked AS MATERIALIZED (
        SELECT x.id, x.occurred_at, x.occurred_at::date - DATE '0001-01-01' + 1 AS day, x.kind, x.symbol, x.quantity,
               x.ratio, x.related_symbol, x.currency, x.cash_minor, x.fee_minor, x.tax_minor, x.to_currency, x.to_minor,
               x.gross_minor AS worth_minor,
               x.cash_minor + x.fee_minor + x.tax_minor AS gross_minor
        FROM app.transaction AS x
        WHERE x.portfolio_id = %(portfolio_id)s AND x.reversed_at IS NULL
    ), leg AS (
        -- A conversion moves the cash of two currencies.
        SELECT b.day, b.currency, b.kind, b.cash_minor, b.fee_minor, b.tax_minor, b.gross_minor FROM booked AS b
        UNION ALL
        SELECT b.day, b.to_currency, b.kind, b.to_minor, 0, 0, b.to_minor FROM booked AS b WHERE b.kind = 'conversion'
    ), cash AS (
        SELECT concat_ws(E'\t', b.day, b.currency, sum(b.cash_minor),
                   coalesce(sum(b.gross_minor) FILTER (WHERE b.kind = 'deposit'), 0),
                   coalesce(-sum(b.gross_minor) FILTER (WHERE b.kind = 'withdrawal'), 0),
                   coalesce(sum(b.gross_minor) FILTER (WHERE b.kind IN ('dividend', 'interest')), 0),
                   sum(b.fee_minor) + coalesce(-sum(b.gross_minor) FILTER (WHERE b.kind = 'fee'), 0),
                   sum(b.tax_minor) + coalesce(-sum(b.gross_minor) FILTER (WHERE b.kind = 'tax'), 0),
                   coalesce(sum(b.fee_minor + b.tax_minor) FILTER (WHERE b.kind NOT IN ('buy', 'sell')), 0)
                       + coalesce(-sum(b.gross_minor) FILTER (WHERE b.kind IN ('fee', 'tax')), 0),
                   coalesce(sum(b.gross_minor) FILTER (WHERE b.kind = 'conversion'), 0)) AS line
        FROM leg AS b GROUP BY b.day, b.currency
    ), closed AS (
        SELECT concat_ws(E'\t', c.closed_at::date - DATE '0001-01-01' + 1, c.cost_currency, sum(c.cost_minor),
                   c.proceeds_currency, sum(c.proceeds_minor)) AS line
        FROM app.lot_closure AS c WHERE c.portfolio_id = %(portfolio_id)s
        GROUP BY c.closed_at::date, c.cost_currency, c.proceeds_currency
    ), moved AS (
        -- Units that cover or leave lots do so at the lots' cost; what a transfer opens costs its share of its worth.
        SELECT b.day, c.cost_currency AS currency, -c.cost_minor AS cost_minor
        FROM booked AS b
        JOIN app.lot_closure AS c
            ON c.portfolio_id = %(portfolio_id)s AND c.symbol = b.symbol AND c.closed_by = b.id
        WHERE b.kind IN ('transfer_in', 'transfer_out')
        UNION ALL
        SELECT b.day, b.currency, CASE b.kind WHEN 'transfer_in' THEN 1 ELSE -1 END
            * (b.worth_minor - round(b.worth_minor * c.quantity / b.quantity))
        FROM booked AS b
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(abs(x.quantity)), 0) AS quantity FROM app.lot_closure AS x
            WHERE x.portfolio_id = %(portfolio_id)s AND x.symbol = b.symbol AND x.closed_by = b.id
        ) AS c
        WHERE b.kind IN ('transfer_in', 'transfer_out')
    ), transferred AS (
        SELECT concat_ws(E'\t', m.day, m.currency, sum(m.cost_minor)) AS line
        FROM moved AS m GROUP BY m.day, m.currency
    ), asset AS (
        SELECT concat_ws(E'\t', i.symbol, i.currency, i.multiplier) AS line
        FROM app.instrument AS i
        WHERE i.symbol IN (
            SELECT b.symbol FROM booked AS b UNION SELECT b.related_symbol FROM booked AS b
            UNION SELECT p.symbol FROM app.position AS p WHERE p.portfolio_id = %(portfolio_id)s
        )
    )
    SELECT s.days, s.kinds, s.symbols, s.units, s.ratios, s.related,
    (SELECT string_agg(line, E'\n') FROM cash) AS cash_days,
    (SELECT string_agg(line, E'\n') FROM closed) AS closed_days,
    (SELECT string_agg(line, E'\n') FROM transferred) AS transfer_days,
    (SELECT string_agg(line, E'\n') FROM asset) AS assets
    FROM (
        SELECT string_agg(o.day::text, ',') AS days, string_agg(o.kind, ',') AS kinds,
               string_agg(o.symbol, ',') AS symbols,
               string_agg(coalesce(trunc(o.quantity * 100000000), 0)::text, ',') AS units,
               string_agg(coalesce(o.ratio::text, ''), ',') AS ratios,
               string_agg(coalesce(o.related_symbol, ''), ',') AS related
        FROM (
            SELECT b.day, b.kind, b.symbol, b.quantity, b.ratio, b.related_symbol FROM booked AS b
            WHERE b.kind IN ('buy', 'sell', 'transfer_in', 'transfer_out', 'split', 'reverse_split', 'spin_off')
            ORDER BY b.occurred_at, b.id
        ) AS o
    ) AS s
"""
# A lot's cost at an earlier close is what is left of it now and what was closed since; splits leave cost alone.
COSTS: Final[LiteralString] = r"""
    SELECT d.day, s.symbol, s.currency, sum(s.cost_minor)::bigint AS cost_minor
    FROM unnest(%(days)s::date[]) AS d (day)
    CROSS JOIN LATERAL (
        SELECT l.symbol, l.currency, l.cost_minor FROM app.lot AS l
        WHERE l.portfolio_id = %(portfolio_id)s AND l.opened_at < d.day + 1
        UNION ALL
        SELECT c.symbol, c.cost_currency, c.cost_minor FROM app.lot_closure AS c
        WHERE c.portfolio_id = %(portfolio_id)s AND c.opened_at < d.day + 1 AND c.closed_at >= d.day + 1
    ) AS s
    GROUP BY d.day, s.symbol, s.currency
"""
SEARCH: Final[LiteralString] = r"""
    SELECT s.symbol, string_agg(b.day || ' ' || b.close, ',' ORDER BY b.day) AS closes
    FROM unnest(%(symbols)s::text[], %(firsts)s::date[], %(lasts)s::date[]) AS s (symbol, first, last)
    JOIN unnest(%(days)s::date[]) AS d (day) ON d.day BETWEEN s.first AND s.last
    CROSS JOIN LATERAL (
        SELECT x.starts_at::date - DATE '0001-01-01' + 1 AS day, x.close
        FROM market.bar AS x
        WHERE x.symbol = s.symbol AND x.interval = '1d' AND x.starts_at < d.day + 1
        ORDER BY x.starts_at DESC LIMIT 1
    ) AS b
    GROUP BY s.symbol
"""
SPAN: Final[LiteralString] = r"""
    SELECT s.symbol, string_agg(b.day || ' ' || b.close, ',' ORDER BY b.day) AS closes
    FROM unnest(%(symbols)s::text[], %(firsts)s::date[], %(lasts)s::date[]) AS s (symbol, first, last)
    CROSS JOIN LATERAL (
        SELECT x.starts_at::date - DATE '0001-01-01' + 1 AS day, x.close
        FROM market.bar AS x
        WHERE x.symbol = s.symbol AND x.interval = '1d' AND x.starts_at < s.last + 1 AND x.starts_at >= coalesce(
            (SELECT max(y.starts_at) FROM market.bar AS y
             WHERE y.symbol = s.symbol AND y.interval = '1d' AND y.starts_at < s.first + 1),
            s.first)
    ) AS b
    GROUP BY s.symbol
"""
QUOTES: Final[LiteralString] = r"""
    SELECT q.symbol, (q.as_of::date - DATE '0001-01-01' + 1) || ' ' || q.price AS closes
    FROM market.realtime_symbols AS q JOIN app.instrument AS i ON i.symbol = q.symbol AND i.currency = q.currency
    WHERE q.symbol = ANY(%(symbols)s) AND q.as_of < %(day)s::date + 1
"""
RATES: Final[LiteralString] = r"""
    SELECT r.base, r.quote, string_agg((r.as_of - DATE '0001-01-01' + 1) || ' ' || r.rate, ',' ORDER BY r.as_of)
        AS closes
    FROM market.fx_rate AS r
    WHERE r.base = ANY(%(currencies)s) AND r.quote = ANY(%(currencies)s) AND r.as_of <= %(last)s
    GROUP BY r.base, r.quote
"""


class Fetch(Protocol):
    """A read: `Database.fetch` of the API, or `rows_of` of a connection."""

    def __call__(
        self, statement: Query, parameters: Mapping[str, object], record: type[Record], /
    ) -> Awaitable[list[Record]]: ...


@dataclass(frozen=True, slots=True)
class BooksText:
    """A portfolio's books as PostgreSQL wrote them: columns of what changes units, and a line for each other row."""

    days: str | None
    kinds: str | None
    symbols: str | None
    units: str | None
    ratios: str | None
    related: str | None
    cash_days: str | None
    closed_days: str | None
    transfer_days: str | None
    assets: str | None


@dataclass(frozen=True, slots=True)
class Series:
    """Closes of a symbol as `ORDINAL PRICE`, separated by commas."""

    symbol: str
    closes: str


@dataclass(frozen=True, slots=True)
class RateSeries:
    """Rates of a pair, written like closes."""

    base: str
    quote: str
    closes: str


async def read_books(fetch: Fetch, portfolio_id: UUID) -> BooksText:
    """The parts of the books, unparsed. The caller has checked that they may be read."""
    return (await fetch(BOOKS, {"portfolio_id": portfolio_id}, BooksText))[0]


async def read_costs(fetch: Fetch, portfolio_id: UUID, days: Iterable[date]) -> list[OpenCost]:
    """Cost of the lots that were open at the close of each day."""
    return await fetch(COSTS, {"portfolio_id": portfolio_id, "days": sorted(set(days))}, OpenCost)


async def read_closes(fetch: Fetch, spans: Spans, days: Collection[date]) -> list[Series]:
    """The newest close on or before each of `days` in the span of each symbol; of some symbols more than that."""
    if not spans:
        return []
    ordered = sorted(days)
    is_dense = len(ordered) * SEARCH_COST > (ordered[-1] - ordered[0]).days + 1
    names: dict[str, object] = {"symbols": list(spans), "days": ordered}
    names["firsts"] = [first for first, _ in spans.values()]
    names["lasts"] = [last for _, last in spans.values()]
    return await fetch(SPAN if is_dense else SEARCH, names, Series)


async def read_quotes(fetch: Fetch, symbols: Collection[str], day: date) -> list[Series]:
    """The latest quotes that are not from after `day`."""
    return await fetch(QUOTES, {"symbols": list(symbols), "day": day}, Series) if symbols else []


async def read_rates(fetch: Fetch, currencies: Collection[str], last: date) -> list[RateSeries]:
    """Rates among `currencies` up to `last`; none are needed where there is one currency."""
    if len(set(currencies)) < 2:
        return []
    wanted = sorted({*currencies, *PIVOTS})
    return await fetch(RATES, {"currencies": wanted, "last": last}, RateSeries)


def parse_books(text: BooksText, *, pools_lots: bool = False) -> tuple[History, dict[str, Asset]]:
    """The history, without the costs of open lots, and the instruments that it names.

    `pools_lots` says that the account's method is average: costs of the past cannot be told from today's lots.
    """
    day_of = _days()
    steps = _steps(day_of, text)
    cash_days = [_cash_day(day_of, line.split("\t")) for line in _lines(text.cash_days)]
    closed_days = [_closed_day(day_of, line.split("\t")) for line in _lines(text.closed_days)]
    assets = [_asset(line.split("\t")) for line in _lines(text.assets)]
    moved = [_transfer_day(day_of, line.split("\t")) for line in _lines(text.transfer_days)]
    history = History(steps, cash_days, closed_days, pools_lots=pools_lots, transfer_days=moved)
    return history, {asset.symbol: asset for asset in assets}


def parse_closes(bars: Iterable[Series], quotes: Iterable[Series] = ()) -> Prices:
    """Prices of bars, and of quotes that are not older than the newest bar."""
    day_of = _days()
    newest = {each.symbol: _point(day_of, each.closes) for each in quotes}
    prices = Prices()
    for each in bars:
        closes = [_point(day_of, point) for point in each.closes.split(",")]
        quote = newest.pop(each.symbol, None)
        if quote is not None and quote[0] >= closes[-1][0]:
            closes.append(quote)
        prices.add(each.symbol, closes)
    for symbol, quote in newest.items():
        prices.add(symbol, [quote])
    return prices


def parse_rates(series: Iterable[RateSeries]) -> Rates:
    """Dated rates."""
    day_of = _days()
    points = ((each, point.split(" ")) for each in series for point in each.closes.split(","))
    return Rates(Quoted(each.base, each.quote, day_of(point[0]), Decimal(point[1])) for each, point in points)


def _lines(text: str | None) -> Sequence[str]:
    return text.split("\n") if text else ()


def _days() -> Callable[[str], date]:
    """Dates by the text of their ordinal; each is made once."""
    known: dict[str, date] = {}

    def day_of(text: str) -> date:
        found = known.get(text)
        if found is None:
            # PostgreSQL knows days before year 1, Python does not.
            found = known[text] = date.fromordinal(min(max(int(text), 1), date.max.toordinal()))
        return found

    return day_of


def _point(day_of: Callable[[str], date], text: str) -> tuple[date, int]:
    day, price = text.split(" ")
    whole, _, part = price.partition(".")
    return day_of(day), int(whole + part.ljust(8, "0"))


def _steps(day_of: Callable[[str], date], text: BooksText) -> Steps:
    if not text.days:
        return Steps()
    kinds = {kind.value: kind for kind in Kind}
    ratios = (text.ratios or "").split(",")
    return Steps(
        days=list(map(day_of, text.days.split(","))),
        kinds=list(map(kinds.__getitem__, (text.kinds or "").split(","))),
        symbols=(text.symbols or "").split(","),
        units=list(map(int, (text.units or "").split(","))),
        ratios=[Decimal(ratio) if ratio else None for ratio in ratios],
        related=[symbol or None for symbol in (text.related or "").split(",")],
    )


def _cash_day(day_of: Callable[[str], date], parts: list[str]) -> CashDay:
    day, currency, *amounts = parts
    return CashDay(day_of(day), currency, *map(int, amounts))


def _closed_day(day_of: Callable[[str], date], parts: list[str]) -> ClosedDay:
    day, cost_currency, cost, proceeds_currency, proceeds = parts
    return ClosedDay(day_of(day), cost_currency, int(cost), proceeds_currency, int(proceeds))


def _transfer_day(day_of: Callable[[str], date], parts: list[str]) -> TransferDay:
    day, currency, cost = parts
    return TransferDay(day_of(day), currency, int(Decimal(cost)))


def _asset(parts: list[str]) -> Asset:
    symbol, currency, multiplier = parts
    return Asset(symbol, currency, to_units(Decimal(multiplier)))
