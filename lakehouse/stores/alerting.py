"""Alert rules as the monitors read them, and alerts as they are written: once, whatever is replayed.

Whoever judges ticks reads `rules_of`, makes an alert of each crossing by `alert_of`, writes them by `record` in the
transaction of everything else that the ticks did, and after its commit tells the sockets by `publish`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, LiteralString
from uuid import UUID

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from lakehouse.alerting.rules import Crossing, Kind, Rule
from lakehouse.alerting.words import message_of
from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.errors import TidemarkError
from lakehouse.stores.books.history import Fetch
from lakehouse.stores.books.outbox import Event, emit
from lakehouse.stores.postgres import Transaction, json_of, rows_of

ALERTS: Final = "risk.alerts"
RULES: Final = "risk.rules"
TRIGGERED: Final = "alert.triggered"
ACKNOWLEDGED: Final = "alert.acknowledged"
CHANNEL: Final = "alerts"
"""Redis channel on which a new alert is told at once; what was not heard there is found in PostgreSQL."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger(__name__)

READ: Final[LiteralString] = """
    SELECT r.id, r.owner_id, r.portfolio_id, r.symbol, r.kind, r.limit_value, r.is_amount, r.hysteresis, r.cool_down_s,
           r.once, r.severity, r.status, r.arming, r.version,
           greatest(0, coalesce((SELECT max(a.sequence) FROM alerting.alert AS a WHERE a.rule_id = r.id), 0))
               AS crossings
    FROM alerting.rule AS r
    WHERE %(ids)s::uuid[] IS NULL OR r.id = ANY (%(ids)s)
    ORDER BY r.id
"""
VERSIONS: Final[LiteralString] = "SELECT r.id::text, r.version, r.arming, r.status FROM alerting.rule AS r"
WRITTEN: Final[LiteralString] = """
    INSERT INTO alerting.alert (
        id, rule_id, subject, sequence, source, owner_id, portfolio_id, symbol, kind, severity, at, value, bound,
        tick_topic, tick_partition, tick_offset, message, created_at
    )
    SELECT a.id, a.rule_id, a.subject, a.sequence, a.source, a.owner_id, a.portfolio_id, a.symbol, a.kind, a.severity,
           a.at, a.value, a.bound, a.tick_topic, a.tick_partition, a.tick_offset, a.message, %(now)s
    FROM jsonb_to_recordset(%(alerts)s) AS a (
        id uuid, rule_id uuid, subject text, sequence bigint, source text, owner_id uuid, portfolio_id uuid,
        symbol text, kind text, severity text, at timestamptz, value double precision, bound double precision,
        tick_topic text, tick_partition integer, tick_offset bigint, message text
    )
"""
ONCE: Final[LiteralString] = "ON CONFLICT ON CONSTRAINT alert_once DO NOTHING RETURNING id"
RECORD: Final[LiteralString] = WRITTEN + ONCE
ACKNOWLEDGE: Final[LiteralString] = """
    UPDATE alerting.alert AS a SET acknowledged_at = %(now)s, acknowledged_by = %(owner)s
    WHERE a.owner_id = %(owner)s AND a.acknowledged_at IS NULL
      AND (a.id = ANY (%(ids)s::uuid[]) OR a.rule_id = %(rule_id)s)
    RETURNING a.id, a.rule_id, a.sequence
"""


class NotAnAlert(TidemarkError, ValueError):
    """A message on the channel that `publish` did not write."""


class Severity(StrEnum):
    """How much a broken rule matters to its owner."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Origin(StrEnum):
    """Who found a rule broken: the hot process, of which sequences count from 1, or the monitor, from -1 down."""

    HOT = "hot"
    MONITOR = "monitor"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRule:
    """A row of alerting.rule. `crossings` is the sequence of its last alert of the hot process, 0 before the first: a
    monitor without memory goes on from there. A change of `arming` asks for the rule to be judged anew, armed."""

    id: UUID
    owner_id: UUID
    portfolio_id: UUID | None
    symbol: str | None
    kind: str
    limit_value: Decimal | None
    is_amount: bool
    hysteresis: Decimal
    cool_down_s: int
    once: bool
    severity: str
    status: str
    arming: int
    version: int
    crossings: int

    @property
    def rule(self) -> Rule:
        """The rule as lakehouse.alerting judges it."""
        return Rule(
            id=str(self.id),
            kind=Kind(self.kind),
            limit=math.nan if self.limit_value is None else float(self.limit_value),
            symbol=self.symbol,
            portfolio=None if self.portfolio_id is None else str(self.portfolio_id),
            is_amount=self.is_amount,
            hysteresis=float(self.hysteresis),
            cool_down_us=self.cool_down_s * 1_000_000,
            once=self.once,
        )


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """Which state of a rule is stored: each change of it makes another one."""

    id: str
    version: int
    arming: int
    status: str


@dataclass(frozen=True, slots=True)
class Tick:
    """The message that broke a rule."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A rule that was broken, as it is written; the same (rule_id, subject, sequence) is written once."""

    id: UUID
    rule_id: UUID
    subject: str
    sequence: int
    source: str
    owner_id: UUID
    portfolio_id: UUID | None
    symbol: str | None
    kind: str
    severity: str
    at: datetime
    value: float
    bound: float
    tick_topic: str | None
    tick_partition: int | None
    tick_offset: int | None
    message: str

    @property
    def payload(self) -> dict[str, object]:
        """What the event says: numbers that are prices or money are text."""
        own = {"value": digits(self.value), "bound": digits(self.bound), "at": self.at.isoformat()}
        given = {name: getattr(self, name) for name in self.__slots__ if name != "owner_id"}
        return {name: str(found) if isinstance(found, UUID) else found for name, found in given.items()} | own


@dataclass(frozen=True, slots=True)
class _Id:
    id: UUID


@dataclass(frozen=True, slots=True)
class _Seen:
    id: UUID
    rule_id: UUID
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """What happened to a rule, for whoever watches by it: `action` as created, deleted or paused."""

    action: str
    rule_id: UUID
    owner_id: UUID
    payload: Mapping[str, object]


async def rules_of(fetch: Fetch, ids: Sequence[UUID] | None = None) -> list[StoredRule]:
    """The rules of these ids, by id; None: all. Of an id that is not found the rule is gone."""
    return await fetch(READ, {"ids": None if ids is None else list(ids)}, StoredRule)


async def versions_of(fetch: Fetch) -> list[RuleVersion]:
    """The states of all rules, to tell which are to be read again."""
    return await fetch(VERSIONS, {}, RuleVersion)


def alert_of(
    stored: StoredRule, crossing: Crossing, tick: Tick | None, *, clock: Clock, source: Origin = Origin.HOT
) -> Alert:
    """The alert of a crossing; `tick` is None where time alone did it."""
    return Alert(
        id=uuid7(clock),
        rule_id=stored.id,
        subject=crossing.subject,
        sequence=crossing.sequence,
        source=source.value,
        owner_id=stored.owner_id,
        portfolio_id=stored.portfolio_id,
        symbol=stored.symbol,
        kind=stored.kind,
        severity=stored.severity,
        at=_EPOCH + timedelta(microseconds=crossing.at_us),
        value=crossing.value,
        bound=crossing.bound,
        tick_topic=None if tick is None else tick.topic,
        tick_partition=None if tick is None else tick.partition,
        tick_offset=None if tick is None else tick.offset,
        message=message_of(stored.rule, crossing),
    )


async def record(connection: Transaction, alerts: Sequence[Alert], *, clock: Clock) -> list[Alert]:
    """Write the alerts and an event of each that was new, in their order; those that were new.

    It ends with the outbox, so it comes last in a transaction, and not in `postgres.together`.
    """
    if not alerts:
        return []
    names = {"alerts": json_of(alerts), "now": clock.now()}
    written = {row.id for row in await rows_of(connection, RECORD, names, _Id)}
    new = [alert for alert in alerts if alert.id in written]
    await emit(connection, *(triggered(alert, clock=clock) for alert in new))
    return new


def triggered(alert: Alert, *, clock: Clock) -> Event:
    """What is told of a new alert."""
    return _event(ALERTS, TRIGGERED, alert.rule_id, alert.owner_id, alert.payload, clock)


async def acknowledge(
    connection: Transaction, owner: UUID, *, ids: Sequence[UUID] = (), rule_id: UUID | None = None, clock: Clock
) -> int:
    """Note that the owner has seen these alerts of theirs, or all of the rule, and tell it; how many were new.

    It ends with the outbox, so it comes last in a transaction.
    """
    names = {"now": clock.now(), "owner": owner, "ids": list(ids), "rule_id": rule_id}
    seen = await rows_of(connection, ACKNOWLEDGE, names, _Seen)
    events = (_event(ALERTS, ACKNOWLEDGED, row.rule_id, owner, _seen_by(owner, row), clock) for row in seen)
    await emit(connection, *events)
    return len(seen)


async def announce(connection: Transaction, changes: Sequence[RuleChange], *, clock: Clock) -> None:
    """Tell what happened to rules, as the last thing of a transaction."""
    events = (
        _event(
            RULES,
            f"rule.{each.action}",
            each.rule_id,
            each.owner_id,
            {"rule_id": str(each.rule_id), **each.payload},
            clock,
        )
        for each in changes
    )
    await emit(connection, *events)


async def publish(redis: "Redis", alerts: Sequence[Alert]) -> bool:
    """Tell who listens, after the commit. False where Redis is gone: sockets then find them in PostgreSQL."""
    if not alerts:
        return True
    try:
        async with redis.pipeline(transaction=False) as pipeline:
            for alert in alerts:
                pipeline.publish(CHANNEL, message_on_channel(alert))
            await pipeline.execute()
    except RedisError as error:
        log.warning("alerts not published", error=type(error).__name__, alerts=len(alerts))
        return False
    return True


def message_on_channel(alert: Alert) -> bytes:
    """What CHANNEL says of a new alert."""
    return orjson.dumps({"owner_id": str(alert.owner_id)} | alert.payload)


def owner_in(message: str) -> UUID:
    """Whose alert a message on CHANNEL tells. Raises NotAnAlert for what `publish` did not write."""
    try:
        found: Any = orjson.loads(message)
        return UUID(found["owner_id"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotAnAlert(f"not a message of alerts: {message[:80]!r}") from error


def _event(topic: str, kind: str, rule_id: UUID, owner_id: UUID, payload: Mapping[str, object], clock: Clock) -> Event:
    return Event(
        event_id=uuid7(clock),
        topic=topic,
        key=str(rule_id),
        type=kind,
        owner_id=owner_id,
        payload=payload,
        occurred_at=clock.now(),
    )


def _seen_by(owner: UUID, row: _Seen) -> dict[str, object]:
    return {"id": str(row.id), "rule_id": str(row.rule_id), "sequence": row.sequence, "acknowledged_by": str(owner)}


def digits(number: float) -> str:
    """Every digit of a float, without an exponent."""
    return f"{Decimal(repr(number)):f}"
