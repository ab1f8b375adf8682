"""Recomputes what the hot process should have caused, from a state, the journal and the ticks, and compares."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString

from lakehouse.stores.hot import Row
from lakehouse.stores.postgres import Transaction, rows_of
from streaming.hot.changes import ORDERS
from streaming.hot.effects import Alert, Fill
from streaming.hot.journal import change_of
from streaming.hot.restart import Replay

# Of a tick's event time, whole microseconds: what a float of seconds cannot hold is in no timestamp.
ALERTS: Final[LiteralString] = """
    SELECT a.rule_id::text, a.subject, a.sequence, (extract(epoch FROM a.at) * 1000000)::bigint AS at_us, a.value,
           a.bound, a.tick_partition AS partition, a.tick_offset AS "offset"
    FROM alerting.alert AS a WHERE a.source = 'hot' AND a.created_at >= %(since)s
"""
FILLS: Final[LiteralString] = """
    SELECT f.order_id::text, f.venue_trade_id, (extract(epoch FROM f.filled_at) * 1000000)::bigint AS at_us, f.quantity,
           f.price, f.fee_minor
    FROM trading.fill AS f WHERE starts_with(f.venue_trade_id, 'sim-') AND f.created_at >= %(since)s
"""


@dataclass(frozen=True, slots=True)
class AlertTold:
    """An alert, by (rule_id, subject, sequence), and what is said of it."""

    rule_id: str
    subject: str
    sequence: int
    at_us: int
    value: float
    bound: float
    partition: int | None
    offset: int | None

    @property
    def key(self) -> tuple[object, ...]:
        return self.rule_id, self.subject, self.sequence


@dataclass(frozen=True, slots=True)
class FillTold:
    """A fill, by (order_id, venue_trade_id), and what is said of it."""

    order_id: str
    venue_trade_id: str
    at_us: int
    quantity: Decimal
    price: Decimal
    fee_minor: int

    @property
    def key(self) -> tuple[object, ...]:
        return self.order_id, self.venue_trade_id


Told = AlertTold | FillTold


@dataclass(frozen=True, slots=True)
class Compared:
    """How much was recomputed; what of it is not written, what is written beside it, what says something else."""

    recomputed: int
    lost: tuple[Told, ...]
    surplus: tuple[Told, ...]
    different: tuple[tuple[Told, Told], ...]

    @property
    def is_exact(self) -> bool:
        return not (self.lost or self.surplus or self.different)


def recomputed(replay: Replay, rows: Iterable[Row]) -> Iterator[Told]:
    """Every alert and fill that the rows caused, in their order. Raises ReplayImpossible."""
    for row in rows:
        for effects in replay.played(row):
            yield from map(_alert, effects.alerts)
            yield from map(_fill, effects.dealt.fills)


def refused_orders(rows: Iterable[Row]) -> frozenset[str]:
    """Orders that the books have ended since a fill was refused: the journal names them, a fill of theirs may lack."""
    changes = [change_of(row.changes) for row in rows if row.changes is not None and not row.batches]
    held = [orders for change in changes for orders in change.get(ORDERS, {}).values() if isinstance(orders, dict)]
    return frozenset(key for orders in held for key, order in orders.items() if order.get("is_final"))


async def written(connection: Transaction, since: datetime) -> list[Told]:
    """Every alert and fill of the hot process that PostgreSQL has, written from then on: a row of the journal is made
    before what it causes."""
    found: list[Told] = [*await rows_of(connection, ALERTS, {"since": since}, AlertTold)]
    return [*found, *await rows_of(connection, FILLS, {"since": since}, FillTold)]


def compared(expected: Iterable[Told], found: Sequence[Told], refused: frozenset[str] = frozenset()) -> Compared:
    """What was recomputed against what is written; a fill of a `refused` order may lack."""
    wanted, there = {each.key: each for each in expected}, {each.key: each for each in found}
    lost = [each for key, each in wanted.items() if key not in there]
    both = [(each, there[key]) for key, each in wanted.items() if key in there]
    return Compared(
        recomputed=len(wanted),
        lost=tuple(each for each in lost if not (isinstance(each, FillTold) and each.order_id in refused)),
        surplus=tuple(each for key, each in there.items() if key not in wanted),
        different=tuple((one, other) for one, other in both if one != other),
    )


def _alert(alert: Alert) -> AlertTold:
    crossing, cause = alert.crossing, alert.cause
    place = (None, None) if cause is None else (cause.partition, cause.offset)
    numbers = (crossing.sequence, crossing.at_us, crossing.value, crossing.bound)
    return AlertTold(crossing.rule_id, crossing.subject, *numbers, *place)


def _fill(fill: Fill) -> FillTold:
    said = (fill.at_us, fill.quantity, fill.price, fill.fee_minor)
    return FillTold(str(fill.order_id), fill.venue_trade_id, *said)
