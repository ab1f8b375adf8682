"""The hot process's fence, journal and checkpoints in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.stores import alerting
from lakehouse.stores.alerting import Alert
from lakehouse.stores.books import outbox
from lakehouse.stores.postgres import Transaction, json_of, rows_of

KEPT: Final = 3
DROPPED: Final = 10_000

TAKE: Final[LiteralString] = """
    INSERT INTO hot.shard AS s (shard, epoch, owner, started_at) VALUES (%(shard)s, 1, %(owner)s, %(now)s)
    ON CONFLICT (shard) DO UPDATE SET epoch = s.epoch + 1, owner = excluded.owner, started_at = excluded.started_at
    RETURNING epoch
"""
# The lock on the shard's row makes who takes the shard wait for this transaction's end, and see what it committed.
APPEND: Final[LiteralString] = """
    WITH own AS MATERIALIZED (
        SELECT s.shard, s.epoch FROM hot.shard AS s WHERE s.shard = %(shard)s AND s.epoch = %(epoch)s FOR SHARE
    )
    INSERT INTO hot.journal (shard, number, epoch, batches, cuts, changes, ticks, committed_at)
    SELECT own.shard, %(number)s, own.epoch, %(batches)s, %(cuts)s, %(changes)s, %(ticks)s, %(committed_at)s FROM own
    RETURNING number
"""
# The same with alerts, and an event of each that is new: one statement is one way to the server and back, and whole.
APPEND_TOLD: Final[LiteralString] = " ".join(
    (
        "WITH journalled AS (",
        APPEND,
        "), new AS (",
        alerting.WRITTEN,
        "CROSS JOIN journalled",
        alerting.ONCE,
        "), told AS (",
        outbox.TOLD,
        "JOIN new ON new.id = (e.payload ->> 'id')::uuid",
        outbox.IN_ORDER,
        ") SELECT journalled.number, ARRAY (SELECT new.id FROM new) AS alerts FROM journalled",
    )
)
NEWEST: Final[LiteralString] = """
    SELECT c.number, c.state, c.made_at
    FROM hot.checkpoint AS c WHERE c.shard = %(shard)s ORDER BY c.number DESC LIMIT 1
"""
GOES_ON: Final[LiteralString] = """
    SELECT c.number, c.state, c.made_at
    FROM hot.checkpoint AS c WHERE c.shard = %(shard)s AND EXISTS (
        SELECT FROM hot.journal AS j WHERE j.shard = c.shard AND j.number = c.number + 1
    )
    ORDER BY c.number
"""
LAST: Final[LiteralString] = """
    SELECT j.number, j.epoch, j.batches, j.cuts, j.changes, j.ticks, j.committed_at
    FROM hot.journal AS j WHERE j.shard = %(shard)s AND j.batches >= %(batches)s ORDER BY j.number DESC LIMIT 1
"""
AFTER: Final[LiteralString] = """
    SELECT j.number, j.epoch, j.batches, j.cuts, j.changes, j.ticks, j.committed_at
    FROM hot.journal AS j WHERE j.shard = %(shard)s AND j.number > %(number)s ORDER BY j.number
"""
# Only of rows that are committed, and only while the shard is this process's.
PUT: Final[LiteralString] = """
    INSERT INTO hot.checkpoint (shard, number, state, made_at)
    SELECT s.shard, %(number)s, %(state)s, %(now)s FROM hot.shard AS s
    WHERE s.shard = %(shard)s AND s.epoch = %(epoch)s
    ON CONFLICT (shard, number) DO UPDATE SET state = excluded.state, made_at = excluded.made_at
"""
# The newest few are for restarts, the first of each day for recomputations while the journal goes on from it.
DROP_STATES: Final[LiteralString] = """
    DELETE FROM hot.checkpoint AS c WHERE c.shard = %(shard)s AND c.number < (
        SELECT min(k.number) FROM (
            SELECT n.number FROM hot.checkpoint AS n WHERE n.shard = %(shard)s ORDER BY n.number DESC LIMIT %(kept)s
        ) AS k
    ) AND (
        EXISTS (
            SELECT FROM hot.checkpoint AS e WHERE e.shard = c.shard AND e.number < c.number
                AND date_trunc('day', e.made_at, 'UTC') = date_trunc('day', c.made_at, 'UTC')
        ) OR NOT EXISTS (SELECT FROM hot.journal AS j WHERE j.shard = c.shard AND j.number = c.number + 1)
    )
"""
DROP_OLDER: Final[LiteralString] = """
    DELETE FROM hot.checkpoint AS c USING hot.shard AS s
    WHERE s.shard = %(shard)s AND s.epoch = %(epoch)s AND c.shard = s.shard AND c.number < %(number)s
"""
# A few at a time, the oldest first: so that nothing has to be looked for.
DROP_ROWS: Final[LiteralString] = """
    DELETE FROM hot.journal AS j
    USING (
        SELECT o.shard, o.number FROM hot.journal AS o WHERE o.shard = %(shard)s ORDER BY o.number LIMIT %(limit)s
    ) AS oldest
    WHERE j.shard = oldest.shard AND j.number = oldest.number AND j.committed_at < %(before)s AND j.number <= (
        SELECT min(k.number) FROM (
            SELECT n.number FROM hot.checkpoint AS n WHERE n.shard = %(shard)s ORDER BY n.number DESC LIMIT %(kept)s
        ) AS k
    )
"""


class Fenced(TidemarkError):
    """Another process has taken the shard: nothing was written, and this one has to end."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard that this process has taken."""

    shard: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the journal, as its contract says."""

    number: int
    batches: int
    cuts: bytes
    changes: str | None
    ticks: int
    committed_at: datetime
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state, after row `number` of the journal."""

    number: int
    state: bytes
    made_at: datetime


@dataclass(frozen=True, slots=True)
class _Epoch:
    epoch: int


@dataclass(frozen=True, slots=True)
class _Number:
    number: int


@dataclass(frozen=True, slots=True)
class _Told:
    number: int
    alerts: list[UUID]


async def take(connection: Transaction, shard: str, owner: str, *, clock: Clock) -> Shard:
    """Become the one process of the shard; whoever was it commits nothing any more."""
    names = {"shard": shard, "owner": owner, "now": clock.now()}
    return Shard(shard, (await rows_of(connection, TAKE, names, _Epoch))[0].epoch)


async def append(connection: Transaction, shard: Shard, row: Row) -> None:
    """Write a row in the caller's transaction. Raises Fenced."""
    if not await rows_of(connection, APPEND, _names(shard, row), _Number):
        raise _fenced(shard)


async def append_told(
    connection: Transaction, shard: Shard, row: Row, alerts: Sequence[Alert], *, clock: Clock
) -> list[Alert]:
    """Write a row, its alerts and an event of each that was new, by one statement; those that were new. Raises Fenced.

    Without a transaction around it, it is one of its own; it ends with the outbox, so it comes last in one.
    """
    if not alerts:
        await append(connection, shard, row)
        return []
    events = outbox.parameter([alerting.triggered(alert, clock=clock) for alert in alerts])
    names = _names(shard, row) | {"alerts": json_of(alerts), "events": events, "now": clock.now()}
    written = await rows_of(connection, APPEND_TOLD, names, _Told)
    if not written:
        raise _fenced(shard)
    new = set(written[0].alerts)
    return [alert for alert in alerts if alert.id in new]


def _names(shard: Shard, row: Row) -> dict[str, object]:
    return {name: getattr(row, name) for name in Row.__slots__} | {"shard": shard.shard, "epoch": shard.epoch}


def _fenced(shard: Shard) -> Fenced:
    return Fenced(f"shard {shard.shard} was taken by another process after epoch {shard.epoch}")


async def newest_checkpoint(connection: Transaction, shard: str) -> Checkpoint | None:
    """The state to go on from; None where there is none yet."""
    return next(iter(await rows_of(connection, NEWEST, {"shard": shard}, Checkpoint)), None)


async def states_with_rows(connection: Transaction, shard: str) -> list[Checkpoint]:
    """The states from which the journal goes on, the oldest first."""
    return await rows_of(connection, GOES_ON, {"shard": shard}, Checkpoint)


async def last_row(connection: Transaction, shard: str, *, with_batches: bool = False) -> Row | None:
    """The newest row, or the newest that has batches; None where there is none."""
    return next(iter(await rows_of(connection, LAST, {"shard": shard, "batches": int(with_batches)}, Row)), None)


async def rows_after(connection: Transaction, shard: str, number: int) -> list[Row]:
    """The journal after row `number`, in order."""
    return await rows_of(connection, AFTER, {"shard": shard, "number": number}, Row)


async def put_checkpoint(connection: Transaction, shard: Shard, number: int, state: bytes, *, clock: Clock) -> None:
    """Keep a state after the committed row `number`, and drop all but the newest few and the first of each day."""
    names = {"shard": shard.shard, "epoch": shard.epoch, "number": number, "state": state, "now": clock.now()}
    await connection.execute(PUT, names)
    await connection.execute(DROP_STATES, {"shard": shard.shard, "kept": KEPT})


async def begin_anew(connection: Transaction, shard: Shard, number: int, state: bytes, *, clock: Clock) -> None:
    """Keep a state that does not follow from those before it, after row `number`, and drop these."""
    async with connection.transaction():
        await put_checkpoint(connection, shard, number, state, clock=clock)
        await connection.execute(DROP_OLDER, {"shard": shard.shard, "epoch": shard.epoch, "number": number})


async def drop_rows(connection: Transaction, shard: Shard, before: datetime) -> None:
    """Drop some of what was committed `before` and no restart needs: more than is written between two calls."""
    names = {"shard": shard.shard, "before": before, "limit": DROPPED, "kept": KEPT}
    await connection.execute(DROP_ROWS, names)
