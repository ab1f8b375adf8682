"""Alert rules in PostgreSQL for tests, and the crossings of one."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar
from uuid import UUID

from psycopg import AsyncConnection

from lakehouse.alerting.rules import Crossing
from lakehouse.clock import Clock, SystemClock, epoch_us
from lakehouse.domain.ids import SYSTEM_USER, uuid7
from lakehouse.settings import Settings
from lakehouse.stores import alerting, postgres
from lakehouse.stores.alerting import Alert, StoredRule, Tick, alert_of
from lakehouse.stores.postgres import Transaction, rows_of

Found = TypeVar("Found")
CLOCK = SystemClock()
DEFAULTS: dict[str, object] = {
    "owner_id": SYSTEM_USER,
    "portfolio_id": None,
    "symbol": "AAPL",
    "kind": "price_above",
    "limit_value": "150",
    "is_amount": False,
    "hysteresis": "0.01",
    "cool_down_s": 60,
    "once": False,
    "severity": "warning",
    "status": "active",
}
INSERT = """
    INSERT INTO alerting.rule (id, owner_id, portfolio_id, symbol, kind, limit_value, is_amount, hysteresis,
                               cool_down_s, once, severity, status, armed_at, created_at, updated_at)
    VALUES (%(id)s, %(owner_id)s, %(portfolio_id)s, %(symbol)s, %(kind)s, %(limit_value)s, %(is_amount)s,
            %(hysteresis)s, %(cool_down_s)s, %(once)s, %(severity)s, %(status)s, now(), now(), now())
"""


def put_rule(settings: Settings, **columns: object) -> UUID:
    """Write a rule, a price alert of the system's unless the columns say otherwise; its id."""
    rule_id = uuid7(CLOCK)
    with postgres.connect(settings.postgres) as connection:
        connection.execute(INSERT, {**DEFAULTS, **columns, "id": rule_id})
    return rule_id


def as_owner(settings: Settings, work: Callable[[Transaction], Awaitable[Found]]) -> Found:
    """What the work finds in a committed transaction of the database's owner, as which the hot process writes."""

    async def run() -> Found:
        async with await AsyncConnection.connect(postgres.conninfo_of(settings.postgres)) as connection:
            return await work(connection)

    return asyncio.run(run())


def break_rule(
    settings: Settings, rule_id: UUID, *sequences: int, tick: Tick | None = None, clock: Clock = CLOCK
) -> list[Alert]:
    """Record that the rule was broken, as the hot process does; the alerts that were new."""

    async def work(connection: Transaction) -> list[Alert]:
        [stored] = await alerting.rules_of(partial(rows_of, connection), [rule_id])
        made = [alert_of(stored, crossing_of(stored, number), tick, clock=clock) for number in sequences]
        return await alerting.record(connection, made, clock=clock)

    return as_owner(settings, work)


def crossing_of(stored: StoredRule, sequence: int, *, value: float = 151.25, bound: float = 150.0) -> Crossing:
    """The rule, broken now for the `sequence`-th time."""
    rule = stored.rule
    return Crossing(
        rule_id=rule.id,
        subject=rule.subject,
        sequence=sequence,
        kind=rule.kind,
        at_us=epoch_us(CLOCK.now()),
        row=0,
        value=value,
        bound=bound,
    )
