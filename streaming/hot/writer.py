"""The hot process's transactions: a row of the journal, and all that its last batch caused, at once or not at all."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Final, TypeVar

import psycopg
import structlog
from psycopg import AsyncConnection, conninfo
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow

from lakehouse.clock import Clock
from lakehouse.contracts.topics import TICKS
from lakehouse.errors import TidemarkError
from lakehouse.settings import PostgresSettings
from lakehouse.stores import alerting, hot
from lakehouse.stores.alerting import Tick, alert_of
from lakehouse.stores.hot import Row, Shard
from lakehouse.stores.postgres import IN_THE_WAY, Transaction, conninfo_of
from streaming.hot import rules
from streaming.hot.booking import book
from streaming.hot.changes import ORDERS, RULES, Change, Sight
from streaming.hot.effects import Alert, Effects, JsonObject
from streaming.hot.journal import change_of, change_to_text
from streaming.hot.metrics import HotMetrics

CONNECT_S: Final = 5
STATEMENT_S: Final = 30
# A machine that is gone without a word is noticed within about ten seconds, in silence and while bytes are unanswered.
ALIVE: Final = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0
JOURNAL_ROW: Final = "journal_pkey"
Found = TypeVar("Found")

log = structlog.get_logger(__name__)


class Stopped(TidemarkError):
    """The process was told to end while it waited for PostgreSQL: what is not committed is replayed from Kafka."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a transaction came to: its alerts, and the change that its refused fills made, journalled as a row more."""

    alerts: tuple[alerting.Alert, ...] = ()
    change: Change | None = None


async def connect(section: PostgresSettings, name: str) -> AsyncConnection[TupleRow]:
    """A connection whose statements are transactions of their own where none is begun. Raises OperationalError."""
    options = f"-c timezone=UTC -c statement_timeout={STATEMENT_S * 1000}"
    text = conninfo.make_conninfo(
        conninfo_of(section), options=options, connect_timeout=CONNECT_S, application_name=name, **ALIVE
    )
    return await AsyncConnection.connect(text, autocommit=True)


class Writer:
    """Writes for one shard, from one thread, over one connection that is opened again after a failure.

    PostgreSQL away is waited for, however long: nothing is lost, ticks wait in Kafka. Methods raise Fenced, Stopped.
    """

    def __init__(
        self, section: PostgresSettings, runner: asyncio.Runner, stop: Event, *, clock: Clock, metrics: HotMetrics
    ) -> None:
        self._section, self._runner, self._stop = section, runner, stop
        self._clock, self._metrics = clock, metrics
        self._connection: AsyncConnection[TupleRow] | None = None

    def ask(self, question: Callable[[Transaction], Awaitable[Found]]) -> Found:
        """Read, or write what may be written twice."""
        return self._tried(question)

    def commit(self, shard: Shard, row: Row, effects: Effects, sight: Sight) -> Committed:
        """Write the row, and what its last batch caused; `sight` has the rules and orders that it met.

        Where the connection breaks while it commits, the journal says whether it did.
        """
        alerts = [_told(sight, alert, self._clock) for alert in effects.alerts]

        async def once(connection: Transaction) -> Committed:
            if not effects.dealt:
                return Committed(tuple(await hot.append_told(connection, shard, row, alerts, clock=self._clock)))
            async with connection.transaction():
                await hot.append(connection, shard, row)
                refused = await book(connection, effects.dealt, clock=self._clock)
                change = _restated(sight, refused)
                if change is not None:
                    await hot.append(connection, shard, _change_alone(row, change))
                new = await alerting.record(connection, alerts, clock=self._clock)
            return Committed(tuple(new), change)

        async def again(connection: Transaction) -> Committed:
            written = await hot.rows_after(connection, shard.shard, row.number - 1)
            if not written or written[0].epoch != shard.epoch:
                return await once(connection)
            later = written[1].changes if len(written) > 1 else None
            # Which of the alerts were new is not known any more: they are told again, by the same ids.
            return Committed(tuple(alerts), None if later is None else change_of(later))

        started = self._clock.monotonic()
        committed = self._tried(once, again)
        self._metrics.commit.observe(self._clock.monotonic() - started)
        return committed

    def close(self) -> None:
        """Let go of the connection."""
        self._runner.run(self._closed())

    def _tried(
        self,
        first: Callable[[Transaction], Awaitable[Found]],
        again: Callable[[Transaction], Awaitable[Found]] | None = None,
    ) -> Found:
        attempt, pause_s, looks_again = first, FIRST_PAUSE_S, again is not None
        while True:
            try:
                found = self._runner.run(self._connected_to(attempt))
            except UniqueViolation as error:
                # The first attempt was still committing when the journal was looked at: it has the row now.
                if attempt is not again or not looks_again or error.diag.constraint_name != JOURNAL_ROW:
                    raise
                looks_again = False
            except IN_THE_WAY as error:
                log.warning("transaction_repeated", error=type(error).__name__)
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
                self._metrics.database_away.set(1)
                log.warning("postgres_away", error=str(error), retry_s=pause_s)
                self.close()
                if self._stop.wait(pause_s):
                    raise Stopped("told to end while PostgreSQL was away") from error
                attempt, pause_s = again or first, min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                self._metrics.database_away.set(0)
                return found

    async def _connected_to(self, work: Callable[[Transaction], Awaitable[Found]]) -> Found:
        if self._connection is None:
            self._connection = await connect(self._section, "tidemark-hot")
        return await work(self._connection)

    async def _closed(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def _told(sight: Sight, alert: Alert, clock: Clock) -> alerting.Alert:
    stored = rules.from_json(sight[RULES][alert.crossing.rule_id])
    cause = alert.cause
    tick = None if cause is None else Tick(TICKS.name, cause.partition, cause.offset)
    return alert_of(stored, alert.crossing, tick, clock=clock)


def _restated(sight: Sight, refused: Sequence[JsonObject]) -> Change | None:
    """The orders of which a fill was refused, as PostgreSQL has them, among those of their portfolios."""
    if not refused:
        return None
    portfolios: dict[str, dict[str, object]] = {}
    for order in refused:
        owner = str(order["portfolio_id"])
        held = portfolios.setdefault(owner, dict(_orders(sight, owner)))
        held[str(order["id"])] = order
    return {ORDERS: dict(portfolios)}


def _orders(sight: Sight, portfolio: str) -> Mapping[str, object]:
    found = sight[ORDERS].get(portfolio)
    return found if isinstance(found, Mapping) else {}


def _change_alone(row: Row, change: Change) -> Row:
    return Row(
        number=row.number + 1,
        batches=0,
        cuts=b"",
        changes=change_to_text(change),
        ticks=0,
        committed_at=row.committed_at,
    )
