"""Orders at brokers in PostgreSQL: routes, submissions, executions, differences. Inside the caller's transaction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.stores.postgres import Transaction, json_of, rows_of
from lakehouse.trading.broker import Difference, Trade

SAID: Final = 300

ROUTED: Final[LiteralString] = """
    SELECT r.portfolio_id AS id FROM broker.route AS r WHERE %(venue)s IN ('', r.venue) ORDER BY r.portfolio_id
"""
SET_ROUTE: Final[LiteralString] = """
    INSERT INTO broker.route (portfolio_id, venue, set_at) VALUES (%(portfolio_id)s, %(venue)s, %(now)s)
    ON CONFLICT (portfolio_id) DO UPDATE SET venue = excluded.venue, set_at = excluded.set_at
"""
DROP_ROUTE: Final[LiteralString] = "DELETE FROM broker.route AS r WHERE r.portfolio_id = %(portfolio_id)s"
BUSY: Final[LiteralString] = """
    SELECT o.id FROM trading.order AS o WHERE o.portfolio_id = %(portfolio_id)s
      AND o.status IN ('new', 'held', 'accepted', 'partially_filled')
    UNION
    SELECT s.order_id FROM broker.submission AS s WHERE s.portfolio_id = %(portfolio_id)s AND s.status <> 'ended'
"""
# Nothing goes out for who is halted, or of whom books and broker do not agree: looked at again when it is sent.
MAY_GO: Final[LiteralString] = """
    o.status IN ('accepted', 'partially_filled') AND (o.expires_at IS NULL OR o.expires_at > %(now)s)
      AND NOT EXISTS (
          SELECT FROM trading.halt AS h JOIN app.portfolio AS p ON p.id = o.portfolio_id
          WHERE h.lifted_at IS NULL
            AND (h.scope = 'everybody' OR h.user_id = p.owner_id OR h.portfolio_id = p.id)
      )
      AND NOT EXISTS (
          SELECT FROM broker.difference AS d
          WHERE d.venue = %(venue)s AND d.gone_at IS NULL AND d.accepted_at IS NULL
            AND (d.portfolio_id IS NULL OR d.portfolio_id = o.portfolio_id)
      )
"""
READY: Final[LiteralString] = """
    SELECT o.id, coalesce(s.sends, 0) AS sends
    FROM trading.order AS o
    JOIN broker.route AS r ON r.portfolio_id = o.portfolio_id AND r.venue = %(venue)s
    LEFT JOIN broker.submission AS s ON s.order_id = o.id
    WHERE (s.order_id IS NULL OR s.status = 'unsent') AND s.cancel_asked_at IS NULL AND {may_go}
    ORDER BY o.id
    LIMIT %(limit)s
""".replace("{may_go}", MAY_GO)
CLAIM: Final[LiteralString] = """
    INSERT INTO broker.submission AS s (
        order_id, portfolio_id, venue, client_id, status, reason, sends, sent_at, created_at, updated_at
    )
    SELECT o.id, o.portfolio_id, %(venue)s, %(client_id)s, 'in_doubt', 'being sent', 1, %(now)s, %(now)s, %(now)s
    FROM trading.order AS o WHERE o.id = %(order_id)s AND {may_go}
    ON CONFLICT (order_id) DO UPDATE SET
        status = 'in_doubt', reason = 'being sent', sends = s.sends + 1, sent_at = excluded.sent_at,
        updated_at = greatest(s.updated_at, excluded.updated_at)
    WHERE s.sends = %(sends)s AND s.status = 'unsent' AND s.cancel_asked_at IS NULL
    RETURNING s.order_id AS id
""".replace("{may_go}", MAY_GO)
LIVING: Final[LiteralString] = """
    SELECT s.order_id, s.portfolio_id, s.client_id, s.broker_id, s.status, s.reason, s.sends, s.sent_at,
           s.cancel_asked_at IS NOT NULL AS is_cancel_asked,
           o.status IN ('accepted', 'partially_filled') AS is_working,
           coalesce(e.traded, 0) AS traded, coalesce(e.booked, 0) AS booked
    FROM broker.submission AS s
    JOIN trading.order AS o ON o.id = s.order_id
    LEFT JOIN LATERAL (
        SELECT sum(x.quantity) AS traded, sum(x.quantity) FILTER (WHERE x.is_booked) AS booked
        FROM broker.execution AS x WHERE x.order_id = s.order_id
    ) AS e ON true
    WHERE s.venue = %(venue)s AND s.status <> 'ended'
    ORDER BY s.order_id
"""
LOST: Final[LiteralString] = """
    SELECT s.client_id AS name FROM broker.submission AS s
    WHERE s.order_id = %(order_id)s AND (
        s.status = 'in_doubt' AND s.reason <> 'being sent' OR s.status = 'open' AND EXISTS (
            SELECT FROM broker.difference AS d
            WHERE d.venue = s.venue AND d.name = 'order_missing' AND d.subject = s.client_id AND d.gone_at IS NULL
        )
    )
"""
TELL: Final[LiteralString] = """
    UPDATE broker.submission AS s SET
        status = CASE s.status WHEN 'ended' THEN s.status ELSE %(status)s END,
        reason = CASE s.status WHEN 'ended' THEN s.reason ELSE %(reason)s END,
        updated_at = greatest(s.updated_at, %(now)s),
        broker_id = coalesce(nullif(%(broker_id)s::text, ''), s.broker_id)
    WHERE s.order_id = %(order_id)s AND (s.status <> 'ended' OR %(broker_id)s::text <> '')
"""
OURS: Final[LiteralString] = """
    SELECT s.order_id, s.broker_id FROM broker.submission AS s
    WHERE s.venue = %(venue)s AND s.broker_id = ANY (%(broker_ids)s)
"""
KNOWN_CLIENTS: Final[LiteralString] = """
    SELECT s.client_id AS name FROM broker.submission AS s
    WHERE s.venue = %(venue)s AND s.client_id = ANY (%(client_ids)s) AND s.status <> 'ended'
"""
KNOWN_TRADES: Final[LiteralString] = """
    SELECT e.trade_id AS name FROM broker.execution AS e
    WHERE e.venue = %(venue)s AND e.trade_id = ANY (%(trade_ids)s)
"""
NOTE: Final[LiteralString] = """
    INSERT INTO broker.execution AS e (
        venue, trade_id, order_id, quantity, price, executed_at, is_booked, rule, seen_at
    ) VALUES (
        %(venue)s, %(trade_id)s, %(order_id)s, %(quantity)s, %(price)s, %(at)s, %(rule)s::text = '',
        %(rule)s::text, %(now)s
    )
    ON CONFLICT (venue, trade_id) DO UPDATE SET is_booked = excluded.is_booked, rule = excluded.rule
    WHERE NOT e.is_booked
"""
REFUSED: Final[LiteralString] = """
    SELECT e.trade_id, e.order_id, s.portfolio_id, s.broker_id, o.symbol, o.side, e.quantity, e.price,
           e.executed_at AS at, e.rule
    FROM broker.execution AS e
    JOIN broker.submission AS s ON s.order_id = e.order_id
    JOIN trading.order AS o ON o.id = e.order_id
    WHERE e.venue = %(venue)s AND NOT e.is_booked
    ORDER BY e.executed_at, e.trade_id
"""
BEGIN: Final[LiteralString] = """
    INSERT INTO broker.progress AS p (venue, seen_at) VALUES (%(venue)s, %(now)s)
    ON CONFLICT (venue) DO UPDATE SET seen_at = p.seen_at
    RETURNING p.seen_at AS at
"""
SEEN: Final[LiteralString] = """
    UPDATE broker.progress AS p SET seen_at = greatest(p.seen_at, %(at)s) WHERE p.venue = %(venue)s
"""
RECONCILED: Final[LiteralString] = """
    UPDATE broker.progress AS p SET reconciled_at = %(now)s WHERE p.venue = %(venue)s
"""
POSITIONS: Final[LiteralString] = """
    SELECT x.symbol, sum(x.quantity) AS units
    FROM app.position AS x JOIN broker.route AS r ON r.portfolio_id = x.portfolio_id
    WHERE r.venue = %(venue)s
    GROUP BY x.symbol
    ORDER BY x.symbol
"""
GONE: Final[LiteralString] = """
    UPDATE broker.difference AS d SET gone_at = %(now)s
    WHERE d.venue = %(venue)s AND d.gone_at IS NULL AND NOT EXISTS (
        SELECT FROM jsonb_to_recordset(%(found)s) AS f (portfolio_id uuid, name text, subject text, detail text)
        WHERE f.portfolio_id IS NOT DISTINCT FROM d.portfolio_id
          AND (f.name, f.subject, f.detail) = (d.name, d.subject, d.detail)
    )
"""
FOUND: Final[LiteralString] = """
    INSERT INTO broker.difference (id, venue, portfolio_id, name, subject, detail, message, found_at)
    VALUES (%(id)s, %(venue)s, %(portfolio_id)s, %(name)s, %(subject)s, %(detail)s, %(message)s, %(now)s)
    ON CONFLICT (venue, portfolio_id, name, subject, detail) WHERE gone_at IS NULL DO NOTHING
"""
STANDING: Final[LiteralString] = """
    SELECT d.id, d.portfolio_id, d.name, d.subject, d.detail, d.message, d.found_at, d.accepted_by
    FROM broker.difference AS d
    WHERE d.venue = %(venue)s AND d.gone_at IS NULL
    ORDER BY d.id
"""
ACCEPT: Final[LiteralString] = """
    UPDATE broker.difference AS d SET accepted_at = %(now)s, accepted_by = %(by)s
    WHERE d.id = %(id)s AND d.gone_at IS NULL AND d.accepted_at IS NULL
    RETURNING d.id
"""


@dataclass(frozen=True, slots=True)
class Submission:
    """An order that the broker has or may have. `traded` units are what it told, `booked` those that the books have."""

    order_id: UUID
    portfolio_id: UUID
    client_id: str
    broker_id: str
    status: str
    reason: str
    sends: int
    sent_at: datetime
    is_cancel_asked: bool
    is_working: bool
    traded: Decimal
    booked: Decimal


@dataclass(frozen=True, slots=True)
class Refusal:
    """A trade that the books do not take, by `rule`."""

    trade_id: str
    order_id: UUID
    portfolio_id: UUID
    broker_id: str
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    at: datetime
    rule: str

    @property
    def trade(self) -> Trade:
        """As the broker told it."""
        return Trade(self.trade_id, self.broker_id, self.quantity, self.price, self.at)


@dataclass(frozen=True, slots=True)
class Standing:
    """A difference that is there, accepted by somebody or not."""

    id: UUID
    portfolio_id: UUID | None
    name: str
    subject: str
    detail: str
    message: str
    found_at: datetime
    accepted_by: str | None


@dataclass(frozen=True, slots=True)
class Ready:
    """An order to send, which was sent `sends` times in vain."""

    id: UUID
    sends: int


@dataclass(frozen=True, slots=True)
class _Id:
    id: UUID


@dataclass(frozen=True, slots=True)
class _Name:
    name: str


@dataclass(frozen=True, slots=True)
class _Own:
    order_id: UUID
    broker_id: str


@dataclass(frozen=True, slots=True)
class _Instant:
    at: datetime


@dataclass(frozen=True, slots=True)
class _Held:
    symbol: str
    units: Decimal


def text_of(said: str) -> str:
    """What somebody else has said, as it can be kept."""
    return said.replace("\0", "")[:SAID]


async def routed(connection: Transaction, venue: str) -> list[UUID]:
    """Portfolios that trade at this broker; with an empty name, at any."""
    return [row.id for row in await rows_of(connection, ROUTED, {"venue": venue}, _Id)]


async def busy(connection: Transaction, portfolio_id: UUID) -> list[UUID]:
    """Orders for which the portfolio has to stay where it trades; the caller has locked its account."""
    return [row.id for row in await rows_of(connection, BUSY, {"portfolio_id": portfolio_id}, _Id)]


async def set_route(connection: Transaction, portfolio_id: UUID, venue: str | None, *, clock: Clock) -> None:
    """From now on the portfolio trades at this broker, or, with None, at the simulated venue."""
    names = {"portfolio_id": portfolio_id, "venue": venue, "now": clock.now()}
    await connection.execute(DROP_ROUTE if venue is None else SET_ROUTE, names)


async def ready(connection: Transaction, venue: str, *, now: datetime, limit: int) -> list[Ready]:
    """Working orders that the broker surely has not, and may be sent."""
    return await rows_of(connection, READY, {"venue": venue, "now": now, "limit": limit}, Ready)


async def claim(
    connection: Transaction, order_id: UUID, venue: str, client_id: str, *, sends: int, clock: Clock
) -> bool:
    """Note, before it happens, that the order is sent; False where somebody else has sent it since it was sent `sends`
    times, or where it may not go any more: halted, over, canceled, or something differs."""
    names = {"order_id": order_id, "venue": venue, "client_id": client_id, "sends": sends, "now": clock.now()}
    return bool(await rows_of(connection, CLAIM, names, _Id))


async def living(connection: Transaction, venue: str) -> list[Submission]:
    """All that the broker has or may have."""
    return await rows_of(connection, LIVING, {"venue": venue}, Submission)


async def tell(
    connection: Transaction, order_id: UUID, status: str, reason: str, *, clock: Clock, broker_id: str = ""
) -> None:
    """How it stands with a submission; one that has ended stays so, but gets the broker's id: trades may follow."""
    names = {"order_id": order_id, "status": status, "reason": text_of(reason), "broker_id": broker_id}
    await connection.execute(TELL, {**names, "now": clock.now()})


async def is_lost(connection: Transaction, order_id: UUID) -> bool:
    """Whether nobody knows if the broker has the order, or it knows the order no more; not while it is being sent."""
    return bool(await rows_of(connection, LOST, {"order_id": order_id}, _Name))


async def ours(connection: Transaction, venue: str, broker_ids: Collection[str]) -> dict[str, UUID]:
    """Our orders by what the broker calls them."""
    names = {"venue": venue, "broker_ids": list(broker_ids)}
    return {row.broker_id: row.order_id for row in await rows_of(connection, OURS, names, _Own)}


async def known_clients(connection: Transaction, venue: str, client_ids: Collection[str]) -> set[str]:
    """Which of these are of orders that have not ended."""
    names = {"venue": venue, "client_ids": list(client_ids)}
    return {row.name for row in await rows_of(connection, KNOWN_CLIENTS, names, _Name)}


async def known_trades(connection: Transaction, venue: str, trade_ids: Collection[str]) -> set[str]:
    """Which of these trades were seen before: booked, or refused, which `refused` has."""
    names = {"venue": venue, "trade_ids": list(trade_ids)}
    return {row.name for row in await rows_of(connection, KNOWN_TRADES, names, _Name)}


async def note(
    connection: Transaction, venue: str, order_id: UUID, trade: Trade, *, rule: str = "", clock: Clock
) -> None:
    """Keep a trade that the books have taken, or refuse by `rule`."""
    names = {"venue": venue, "order_id": order_id, "rule": rule, "now": clock.now()}
    told = {"trade_id": trade.trade_id, "quantity": trade.quantity, "price": trade.price, "at": trade.at}
    await connection.execute(NOTE, {**names, **told})


async def refused(connection: Transaction, venue: str) -> list[Refusal]:
    """Trades that the books do not have."""
    return await rows_of(connection, REFUSED, {"venue": venue}, Refusal)


async def begin(connection: Transaction, venue: str, *, clock: Clock) -> datetime:
    """From when on trades are read: where another process ended, or from now on."""
    return (await rows_of(connection, BEGIN, {"venue": venue, "now": clock.now()}, _Instant))[0].at


async def seen(connection: Transaction, venue: str, at: datetime) -> None:
    """Trades before `at` were read."""
    await connection.execute(SEEN, {"venue": venue, "at": at})


async def positions(connection: Transaction, venue: str) -> dict[str, Decimal]:
    """Units by symbol that the portfolios of this broker hold together."""
    return {row.symbol: row.units for row in await rows_of(connection, POSITIONS, {"venue": venue}, _Held)}


async def record(connection: Transaction, venue: str, found: Sequence[Difference], *, clock: Clock) -> None:
    """What was found now, and nothing else, is different; what was accepted stays accepted."""
    now = clock.now()
    await connection.execute(GONE, {"venue": venue, "now": now, "found": json_of(found)})
    # Made in one millisecond, ids do not sort by the time they were made; sorted, they keep the order.
    for each, id_ in zip(found, sorted(uuid7(clock) for _ in found), strict=True):
        names = {name: getattr(each, name) for name in Difference.__dataclass_fields__}
        await connection.execute(FOUND, {**names, "id": id_, "venue": venue, "now": now})
    await connection.execute(RECONCILED, {"venue": venue, "now": now})


async def standing(connection: Transaction, venue: str) -> list[Standing]:
    """The differences that are there."""
    return await rows_of(connection, STANDING, {"venue": venue}, Standing)


async def accept(connection: Transaction, difference_id: UUID, *, by: str, clock: Clock) -> bool:
    """A person accepts a difference; False where it is not there, or was accepted."""
    return bool(await rows_of(connection, ACCEPT, {"id": difference_id, "by": by, "now": clock.now()}, _Id))
