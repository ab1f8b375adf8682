"""Recomputes what the hot process should have caused, from a state, the journal and the ticks, and compares."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, LiteralString, TypeAlias

from lakehouse.stores import hot
from lakehouse.stores.books.recount import SNAPSHOT
from lakehouse.stores.hot import Checkpoint, Row
from lakehouse.stores.postgres import Transaction, rows_of
from streaming.hot.changes import ORDERS
from streaming.hot.effects import Alert, Fill
from streaming.hot.journal import change_of, cuts_of
from streaming.hot.restart import Place, Replay
from streaming.hot.verify_books import Books, counted

# Of a tick's event time, whole microseconds: what a float of seconds cannot hold is in no timestamp.
ALERTS: Final[LiteralString] = """
    SELECT a.rule_id::text, a.subject, a.sequence, a.kind, (extract(epoch FROM a.at) * 1000000)::bigint AS at_us,
           a.value, a.bound, a.tick_partition AS partition, a.tick_offset AS "offset", a.created_at AS written_at
    FROM alerting.alert AS a WHERE a.source = 'hot' AND a.created_at >= %(since)s
"""
FILLS: Final[LiteralString] = """
    SELECT f.order_id::text, f.venue_trade_id, (extract(epoch FROM f.filled_at) * 1000000)::bigint AS at_us, f.quantity,
           f.price, f.fee_minor, f.created_at AS written_at
    FROM trading.fill AS f WHERE starts_with(f.venue_trade_id, 'sim-') AND f.created_at >= %(since)s
"""


WAIT_S: Final = 10.0
"""How long the lander may take to come up to the journal."""


class Origin(StrEnum):
    """Where ticks are read again: the lake has all of them, the topic those that its retention has left."""

    BRONZE = "bronze"
    TOPIC = "topic"


@dataclass(frozen=True, slots=True)
class AlertTold:
    """An alert, by (rule_id, subject, sequence), and what is said of it; `written_at` is PostgreSQL's to know."""

    rule_id: str
    subject: str
    sequence: int
    kind: str
    at_us: int
    value: float
    bound: float
    partition: int | None
    offset: int | None
    written_at: datetime | None = field(default=None, compare=False)

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
    written_at: datetime | None = field(default=None, compare=False)

    @property
    def key(self) -> tuple[object, ...]:
        return self.order_id, self.venue_trade_id


Told: TypeAlias = AlertTold | FillTold


@dataclass(frozen=True, slots=True)
class Compared:
    """How much was recomputed; what of it is not written, what is written beside it, what says something else."""

    recomputed: int = 0
    lost: tuple[Told, ...] = ()
    surplus: tuple[Told, ...] = ()
    different: tuple[tuple[Told, Told], ...] = ()

    @property
    def is_exact(self) -> bool:
        return not (self.lost or self.surplus or self.different)


@dataclass(frozen=True, slots=True)
class Kept:
    """All that PostgreSQL has to compare, of one moment: states from which the journal goes on, the oldest first, the
    rows after that one, what was written since, and the books."""

    states: tuple[Checkpoint, ...]
    rows: tuple[Row, ...]
    told: tuple[Told, ...]
    books: Books

    def after(self, state: Checkpoint) -> tuple[Row, ...]:
        """The rows after the state; one at least."""
        return tuple(row for row in self.rows if row.number > state.number)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was recomputed of which rows of the journal, and how it compares; no row where no state is kept that the
    journal goes on from. `left_out` says of each state from which nothing could be played why; `lacks` whether that was
    of ticks which bronze has lost."""

    alerts: Compared
    fills: Compared
    books: Books
    rows: tuple[Row, ...] = ()
    ticks: int = 0
    left_out: tuple[str, ...] = ()
    lacks: bool = False

    @property
    def recomputed(self) -> int:
        return self.alerts.recomputed + self.fills.recomputed

    @property
    def is_exact(self) -> bool:
        """Whether nothing that was compared differs."""
        return self.alerts.is_exact and self.fills.is_exact and self.books.is_exact

    @property
    def is_whole(self) -> bool:
        """Whether it compared something, and left nothing out that the journal has kept."""
        return bool(self.rows) and not self.left_out


async def kept(connection: Transaction, shard: str) -> Kept:
    """Read it, in one snapshot: also beside a hot process that goes on."""
    async with connection.transaction():
        await connection.execute(SNAPSHOT)
        states = await hot.states_with_rows(connection, shard)
        rows = await hot.rows_after(connection, shard, states[0].number) if states else []
        told = await _written(connection, rows[0].committed_at) if rows else []
        return Kept(tuple(states), tuple(rows), tuple(told), await counted(connection))


def verdict(replay: Replay, found: Kept, rows: Sequence[Row]) -> Verdict:
    """Play the rows, which go on where the replay stands, and compare. Raises ReplayImpossible, and what the past
    does."""
    expected = list(recomputed(replay, rows))
    # A row of the journal is made before what it causes.
    since = rows[0].committed_at
    there = [each for each in found.told if each.written_at is not None and each.written_at >= since]
    return Verdict(
        alerts=compared(_alerts(expected), _alerts(there)),
        fills=compared(_fills(expected), _fills(there), refused_orders(rows)),
        books=found.books,
        rows=tuple(rows),
        ticks=replay.ticks,
    )


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


def compared(expected: Sequence[Told], found: Sequence[Told], refused: frozenset[str] = frozenset()) -> Compared:
    """What was recomputed against what is written; a fill of a `refused` order may lack. What came twice on one side
    counts as surplus, or as lost."""
    wanted, there = {each.key: each for each in expected}, {each.key: each for each in found}
    lost = [*_again(expected), *(each for key, each in wanted.items() if key not in there)]
    both = [(each, there[key]) for key, each in wanted.items() if key in there]
    return Compared(
        recomputed=len(expected),
        lost=tuple(each for each in lost if not (isinstance(each, FillTold) and each.order_id in refused)),
        surplus=(*_again(found), *(each for key, each in there.items() if key not in wanted)),
        different=tuple((one, other) for one, other in both if one != other),
    )


def end_of(rows: Iterable[Row], start: Place) -> Place:
    """The next offset of each partition after the rows, which go on at `start`."""
    ends = [cuts_of(row.cuts, row.batches)[-1].ends for row in rows if row.batches]
    return ends[-1] if ends else start


async def _written(connection: Transaction, since: datetime) -> list[Told]:
    """Every alert and fill of the hot process that was written from then on."""
    found: list[Told] = [*await rows_of(connection, ALERTS, {"since": since}, AlertTold)]
    return [*found, *await rows_of(connection, FILLS, {"since": since}, FillTold)]


def _again(told: Iterable[Told]) -> list[Told]:
    """What has a key that came before."""
    seen: set[tuple[object, ...]] = set()
    found = []
    for each in told:
        if each.key in seen:
            found.append(each)
        seen.add(each.key)
    return found


def _alerts(told: Iterable[Told]) -> list[Told]:
    return [each for each in told if isinstance(each, AlertTold)]


def _fills(told: Iterable[Told]) -> list[Told]:
    return [each for each in told if isinstance(each, FillTold)]


def _alert(alert: Alert) -> AlertTold:
    crossing, cause = alert.crossing, alert.cause
    place = (None, None) if cause is None else (cause.partition, cause.offset)
    numbers = (crossing.sequence, crossing.kind.value, crossing.at_us, crossing.value, crossing.bound)
    return AlertTold(crossing.rule_id, crossing.subject, *numbers, *place)


def _fill(fill: Fill) -> FillTold:
    said = (fill.at_us, fill.quantity, fill.price, fill.fee_minor)
    return FillTold(str(fill.order_id), fill.venue_trade_id, *said)
