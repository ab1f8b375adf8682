"""What PostgreSQL holds of the time before a look at the alert rules: bars, valuations, and what was booked today."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.alerting.book import clamped, quanta
from lakehouse.alerting.past import Trail
from lakehouse.domain.currency import from_minor
from lakehouse.stores.postgres import Transaction, rows_of

BARS_OF: Final = timedelta(days=30)
"""Older bars are not looked at: a best price from before is missed, and so perhaps a stop behind it."""

# Bars that began when the rule was armed, the position was booked, and the hot process had told the rule last.
TRAILS: Final[LiteralString] = """
    SELECT r.id AS rule_id, b.high::double precision, b.low::double precision, f.bound AS told
    FROM alerting.rule AS r
    CROSS JOIN LATERAL (
        SELECT min(t.created_at) AS since FROM app.lot AS l JOIN app.transaction AS t ON t.id = l.opened_by
        WHERE l.portfolio_id = r.portfolio_id AND l.symbol = r.symbol AND l.quantity <> 0
    ) AS p
    LEFT JOIN LATERAL (
        SELECT a.at, a.bound FROM alerting.alert AS a
        WHERE a.rule_id = r.id AND a.source = 'hot' AND a.created_at >= greatest(r.armed_at, p.since)
        ORDER BY a.id DESC LIMIT 1
    ) AS f ON true
    CROSS JOIN LATERAL (
        SELECT max(coalesce(x.high, x.close)) AS high, min(coalesce(x.low, x.close)) AS low FROM market.bar AS x
        WHERE x.symbol = r.symbol AND x.interval = '5m'
          AND x.starts_at >= greatest(r.armed_at, p.since, f.at, %(oldest)s::timestamptz)
    ) AS b
    WHERE r.kind = 'trailing_stop' AND r.status = 'active' AND p.since IS NOT NULL AND b.high IS NOT NULL
"""
# At closes since its newest drawdown rule was armed, less all that was taken out from the day of the close on: never
# more than the hot process has seen. What was taken out in another currency leaves the closes before it out, and what
# was booked or reversed of a day at a later one leaves those between out: nobody had that equity then.
PEAKS: Final[LiteralString] = """
    SELECT v.portfolio_id::text AS portfolio, v.currency, max(v.value_minor + coalesce(w.minor, 0))::numeric AS minor
    FROM (
        SELECT r.portfolio_id, max(r.armed_at) AS armed_at FROM alerting.rule AS r
        WHERE r.kind = 'drawdown' AND r.status = 'active' GROUP BY r.portfolio_id
    ) AS d
    JOIN app.portfolio AS p ON p.id = d.portfolio_id
    JOIN app.valuation AS v ON v.portfolio_id = p.id AND v.currency = p.base_currency
    LEFT JOIN LATERAL (
        SELECT sum(t.cash_minor) AS minor, bool_or(t.currency <> v.currency) AS is_foreign FROM app.transaction AS t
        WHERE t.portfolio_id = p.id AND t.kind = 'withdrawal' AND t.reversed_at IS NULL
          AND (t.occurred_at AT TIME ZONE 'UTC')::date >= v.business_date
    ) AS w ON true
    WHERE v.business_date > (d.armed_at AT TIME ZONE 'UTC')::date AND v.value_minor IS NOT NULL
      AND NOT coalesce(w.is_foreign, false)
      AND NOT EXISTS (
          SELECT FROM app.transaction AS b
          WHERE b.portfolio_id = p.id AND (b.occurred_at AT TIME ZONE 'UTC')::date <= v.business_date
            AND greatest(b.created_at, b.reversed_at) >= ((v.business_date + 1)::timestamp AT TIME ZONE 'UTC')
      )
    GROUP BY v.portfolio_id, v.currency
"""
BOOKED: Final[LiteralString] = """
    SELECT DISTINCT p.id::text AS portfolio
    FROM app.transaction AS t JOIN app.portfolio AS p ON p.account_id = t.account_id
    WHERE t.created_at >= %(since)s OR t.reversed_at >= %(since)s
"""
# Of ticks that are no older than the last bar the mark is the price of a trade or the middle of a quote, as
# `lakehouse.alerting.marks` has it.
BEFORE: Final[LiteralString] = """
    SELECT s.symbol, coalesce(q.mark, b.close::double precision) AS price
    FROM unnest(%(symbols)s::text[]) AS s (symbol)
    CROSS JOIN LATERAL (
        SELECT x.close, x.starts_at FROM market.bar AS x
        WHERE x.symbol = s.symbol AND x.interval IN ('1m', '1d') AND x.starts_at < %(until)s
          AND x.starts_at >= %(oldest)s
        ORDER BY x.starts_at DESC LIMIT 1
    ) AS b
    LEFT JOIN LATERAL (
        SELECT CASE WHEN t.is_trade THEN t.price ELSE (t.bid + t.ask) / 2 END AS mark FROM market.quote_tick AS t
        WHERE t.symbol = s.symbol AND t.at < %(until)s AND t.at >= b.starts_at
          AND CASE WHEN t.is_trade THEN t.price > 0 AND coalesce(t.size, 1) > 0 ELSE t.bid > 0 AND t.bid <= t.ask END
        ORDER BY t.at DESC, t.seq DESC LIMIT 1
    ) AS q ON true
"""


@dataclass(frozen=True, slots=True)
class _Trail:
    rule_id: UUID
    high: float
    low: float
    told: float | None


@dataclass(frozen=True, slots=True)
class _Peak:
    portfolio: str
    currency: str
    minor: Decimal


@dataclass(frozen=True, slots=True)
class _Booked:
    portfolio: str


@dataclass(frozen=True, slots=True)
class _Price:
    symbol: str
    price: float


async def trails(connection: Transaction, now: datetime) -> dict[str, Trail]:
    """Of each trailing stop of a held position, by its rule: where the price has been, by bars of trades."""
    rows = await rows_of(connection, TRAILS, {"oldest": now - BARS_OF}, _Trail)
    return {str(row.rule_id): Trail(high=row.high, low=row.low, told=row.told) for row in rows}


async def peaks(connection: Transaction) -> dict[str, int]:
    """Of each portfolio with a drawdown rule, an equity that it surely had since that was armed, in quanta."""
    rows = await rows_of(connection, PEAKS, {}, _Peak)
    return {row.portfolio: clamped(quanta(from_minor(int(row.minor), row.currency))) for row in rows}


async def booked_since(connection: Transaction, since: datetime) -> frozenset[str]:
    """The portfolios in whose accounts anything was booked or reversed since then."""
    return frozenset(row.portfolio for row in await rows_of(connection, BOOKED, {"since": since}, _Booked))


async def prices_before(connection: Transaction, symbols: Collection[str], until: datetime) -> dict[str, float]:
    """The last mark of each symbol before then: of ticks, and without those of the last month's bars of a minute or a
    day."""
    names = {"symbols": list(symbols), "until": until, "oldest": until - BARS_OF}
    return {row.symbol: row.price for row in await rows_of(connection, BEFORE, names, _Price)}
