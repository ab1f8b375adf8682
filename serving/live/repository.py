"""What live values are made of: the hot process's own in Redis, and what PostgreSQL knows without it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, LiteralString
from uuid import UUID

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from serving.kit.database import Database

HOT: Final = "hot:portfolios"
"""The hash that the hot process keeps: amounts as decimal text by portfolio."""
ALIVE: Final = "hot:alive"
"""The key that expires where the hot process does not go on."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
OPENING: Final[LiteralString] = """
    SELECT v.value_minor, v.currency, coalesce(f.minor, 0)::bigint AS flow_minor, coalesce(f.is_foreign, false)
               AS is_foreign
    FROM app.valuation AS v
    LEFT JOIN LATERAL (
        SELECT sum(t.cash_minor) FILTER (WHERE t.currency = v.currency) AS minor,
               bool_or(t.currency <> v.currency) AS is_foreign
        FROM app.transaction AS t
        WHERE t.portfolio_id = v.portfolio_id AND t.kind IN ('deposit', 'withdrawal') AND t.reversed_at IS NULL
          AND (t.occurred_at AT TIME ZONE 'UTC')::date > v.business_date
    ) AS f ON true
    WHERE v.portfolio_id = %(id)s AND v.business_date < %(today)s
    ORDER BY v.business_date DESC LIMIT 1
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HotRow:
    """A portfolio as the hot process last valued it; `at` is the event time of its newest tick."""

    equity: Decimal
    net: Decimal
    gross: Decimal
    missing: int
    opening: Decimal | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Opening:
    """The last close before today that was valued, in minor units, and what came from outside since; `is_foreign`
    where some of that was in another currency."""

    value_minor: int | None
    currency: str
    flow_minor: int
    is_foreign: bool

    @property
    def minor(self) -> int | None:
        """What today is measured from."""
        return None if self.value_minor is None or self.is_foreign else self.value_minor + self.flow_minor


class LiveRepository:
    """Reads of Redis, which may be gone, and of PostgreSQL."""

    def __init__(self, database: Database, redis: "Redis") -> None:
        self.database = database
        self._redis = redis

    async def hot(self, portfolio_id: UUID) -> HotRow | None:
        """What the hot process says; None where it, or Redis, is not there."""
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.hget(HOT, str(portfolio_id))
                pipeline.exists(ALIVE)
                found, is_alive = await pipeline.execute()
        except (RedisError, OSError) as error:
            log.warning("live value without Redis", error=type(error).__name__)
            return None
        return _hot_row(orjson.loads(found)) if found is not None and is_alive else None

    async def opening(self, portfolio_id: UUID, today: date) -> Opening | None:
        """What the day is measured from without the hot process. Raises PostgresUnavailable."""
        return await self.database.find(OPENING, {"id": portfolio_id, "today": today}, Opening)


def _hot_row(found: dict[str, Any]) -> HotRow:
    opening, at_us = found["opening"], found["at_us"]
    return HotRow(
        equity=Decimal(found["equity"]),
        net=Decimal(found["net"]),
        gross=Decimal(found["gross"]),
        missing=found["missing"],
        opening=None if opening is None else Decimal(opening),
        at=None if at_us is None else EPOCH + timedelta(microseconds=at_us),
    )
