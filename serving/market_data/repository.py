"""All SQL about observations, bars, providers and exchange rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, LiteralString

from lakehouse.contracts.tables import table
from lakehouse.domain.quote import Quote
from lakehouse.stores import postgres
from lakehouse.stores.postgres import Transaction
from serving.kit.crud.collection import EVERYBODY, Collection
from serving.kit.crud.repository import CrudRepository
from serving.kit.database import Database
from serving.market_data.schemas import FxRateIn, FxRateOut, Interval, ObservationOut

OBSERVATIONS: Final = Collection(
    table=table("market.realtime_price_history"),
    out=ObservationOut,
    noun="observation",
    readable=EVERYBODY,
    writable="false",
    predicates={"observed_from": "t.as_of >= %(observed_from)s", "observed_to": "t.as_of < %(observed_to)s"},
    is_versioned=False,
)
WIDTHS_S: Final = {Interval.MINUTE: 60, Interval.FIVE_MINUTES: 300, Interval.DAY: 86400}

BY_KEY: Final[LiteralString] = """
    SELECT h.id, h.symbol, h.price, h.bid, h.ask, h.size, h.currency, h.provider, h.as_of, h.seq, h.received_at
    FROM unnest(%(symbols)s::text[], %(as_ofs)s::timestamptz[], %(providers)s::text[], %(seqs)s::bigint[])
         WITH ORDINALITY AS k (symbol, as_of, provider, seq, place)
    JOIN market.realtime_price_history AS h USING (symbol, as_of, provider, seq)
    ORDER BY k.place
"""
INSTRUMENT: Final[LiteralString] = "SELECT symbol, currency FROM app.instrument WHERE symbol = %(symbol)s"
# Days come from the providers alone. Shorter bars are made of the observations where no provider has sent one.
BARS: Final[LiteralString] = """
    WITH made AS (
        SELECT date_bin(make_interval(secs => %(width_s)s), h.as_of, 'epoch'::timestamptz) AS starts_at,
               (array_agg(h.price ORDER BY h.as_of, h.seq))[1] AS open, max(h.price) AS high, min(h.price) AS low,
               (array_agg(h.price ORDER BY h.as_of DESC, h.seq DESC))[1] AS close, sum(h.size) AS volume,
               max(h.provider) AS provider
        FROM market.realtime_price_history AS h
        WHERE %(interval)s <> '1d' AND h.symbol = %(symbol)s
          AND h.as_of >= %(made_from)s AND h.as_of < %(before)s
        GROUP BY 1
    ),
    sent AS (
        SELECT b.starts_at, b.open, b.high, b.low, b.close, b.volume, b.provider
        FROM market.bar AS b
        WHERE b.symbol = %(symbol)s AND b.interval = %(interval)s
          AND b.starts_at >= %(since)s AND b.starts_at < %(before)s
        ORDER BY b.starts_at DESC
        LIMIT %(limit)s
    )
    SELECT s.starts_at, s.open, s.high, s.low, s.close, s.volume, s.provider FROM sent AS s
    UNION ALL
    SELECT m.starts_at, m.open, m.high, m.low, m.close, m.volume, m.provider
    FROM made AS m
    WHERE NOT EXISTS (
        SELECT FROM market.bar AS b
        WHERE b.symbol = %(symbol)s AND b.interval = %(interval)s AND b.starts_at = m.starts_at
    )
    ORDER BY starts_at DESC
    LIMIT %(limit)s
"""
PROVIDERS: Final[LiteralString] = "SELECT name, status, quotes, last_quote_at FROM market.data_provider ORDER BY name"
COUNT: Final[LiteralString] = "SELECT count(*) AS instruments FROM app.instrument WHERE status <> 'draft'"
FX: Final[LiteralString] = """
    SELECT base, quote, as_of, rate, provider
    FROM market.fx_rate
    WHERE (%(base)s::text IS NULL OR base = %(base)s) AND (%(quote)s::text IS NULL OR quote = %(quote)s)
      AND (%(date_from)s::date IS NULL OR as_of >= %(date_from)s)
      AND (%(date_to)s::date IS NULL OR as_of <= %(date_to)s)
      AND (%(after_day)s::date IS NULL OR as_of < %(after_day)s
           OR (as_of = %(after_day)s AND (base, quote) > (%(after_base)s::text, %(after_quote)s::text)))
    ORDER BY as_of DESC, base, quote
    LIMIT %(limit)s
"""
PUT_FX: Final[LiteralString] = """
    INSERT INTO market.fx_rate (base, quote, as_of, rate, provider)
    VALUES (%(base)s, %(quote)s, %(as_of)s, %(rate)s, %(provider)s)
    ON CONFLICT (base, quote, as_of) DO UPDATE SET rate = excluded.rate, provider = excluded.provider
"""


@dataclass(frozen=True, slots=True)
class InstrumentRow:
    """An instrument and the currency of its prices."""

    symbol: str
    currency: str


@dataclass(frozen=True, slots=True)
class BarRow:
    """A bar."""

    starts_at: datetime
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal
    volume: Decimal | None
    provider: str


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A source of prices."""

    name: str
    status: str
    quotes: int
    last_quote_at: datetime | None


@dataclass(frozen=True, slots=True)
class CountRow:
    """How many instruments there are."""

    instruments: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BarWindow:
    """Which bars are wanted: from `since` up to but without `before`; `made_from` bounds those made here."""

    since: datetime
    made_from: datetime
    before: datetime
    limit: int


class ObservationRepository(CrudRepository[ObservationOut]):
    """Reads of what was observed."""

    async def by_key(self, connection: Transaction, quotes: Sequence[Quote]) -> list[ObservationOut]:
        """The kept observation of each quote, in their order."""
        names = {
            "symbols": [quote.symbol for quote in quotes],
            "as_ofs": [quote.as_of for quote in quotes],
            "providers": [quote.provider for quote in quotes],
            "seqs": [quote.seq for quote in quotes],
        }
        return await postgres.rows_of(connection, BY_KEY, names, ObservationOut)


class MarketRepository:
    """Reads of bars and providers, reads and writes of rates. Every method raises PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def instrument(self, symbol: str) -> InstrumentRow | None:
        """The instrument, or None."""
        return await self._database.find(INSTRUMENT, {"symbol": symbol}, InstrumentRow)

    async def bars(self, symbol: str, interval: Interval, window: BarWindow) -> list[BarRow]:
        """Bars of the window, newest first."""
        names = {
            "symbol": symbol,
            "interval": interval.value,
            "width_s": WIDTHS_S[interval],
            "since": window.since,
            "made_from": window.made_from,
            "before": window.before,
            "limit": window.limit,
        }
        return await self._database.fetch(BARS, names, BarRow)

    async def providers(self) -> list[ProviderRow]:
        """Every provider, by name."""
        return await self._database.fetch(PROVIDERS, {}, ProviderRow)

    async def instruments(self) -> int:
        """How many instruments there are, without drafts."""
        found = await self._database.fetch(COUNT, {}, CountRow)
        return found[0].instruments

    async def rates(
        self, filters: dict[str, object], after: tuple[date, str, str] | None, limit: int
    ) -> list[FxRateOut]:
        """Rates that pass `filters`, newest day first, after the one that `after` names."""
        place = after or (None, None, None)
        names = {"after_day": place[0], "after_base": place[1], "after_quote": place[2], "limit": limit}
        return await self._database.fetch(FX, {**filters, **names}, FxRateOut)

    async def put_rate(self, connection: Transaction, rate: FxRateIn) -> None:
        """Write a rate; that of the same pair and day is replaced."""
        await connection.execute(PUT_FX, dict(rate))
