"""The loop of the hot process: one thread, one step after the other."""

import gc
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Final

import structlog

from lakehouse.alerting.columns import NEVER
from lakehouse.clock import Clock, epoch_us
from lakehouse.stores.hot import Row, Shard
from streaming.hot import reconcile, rules, views
from streaming.hot.batch import Batch
from streaming.hot.changes import ORDERS, PORTFOLIOS, RETURNS, RULES, UNITS, VAR, Change
from streaming.hot.checkpoints import Checkpoints
from streaming.hot.effects import Effects
from streaming.hot.follower import Follower
from streaming.hot.journal import Cut, Standing, change_to_text, cuts_to_bytes
from streaming.hot.metrics import HotMetrics
from streaming.hot.processor import Core
from streaming.hot.sinks import RedisSink
from streaming.hot.ticks import Reader, judge
from streaming.hot.writer import Writer
from streaming.kit.offsets import Span
from streaming.kit.source import Chunk, Source

JOURNAL_EVERY_S: Final = 0.25
PORTFOLIOS_EVERY_S: Final = 0.02
"""A part of them each time: each is told five times a second."""
ENOUGH: Final = 64
"""With so many ticks no more are waited for: a batch of them costs hardly more than one of one."""
QUIET_S: Final = 1.0
"""After so long without a tick, event time goes on by the clock, a beat a second."""
NOTHING: Final = Effects()
NO_QUOTES: Final[Mapping[str, bytes]] = {}
SHOWN: Final = 10

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Ends:
    """What the loop reads from and writes to."""

    source: Source
    reader: Reader
    writer: Writer
    redis: RedisSink
    follower: Follower
    checkpoints: Checkpoints


@dataclass(frozen=True, slots=True)
class Taken:
    """A shard, and the row of its journal after which this process goes on."""

    shard: Shard
    number: int


@dataclass(slots=True)
class Pending:
    """What was played since the last row of the journal."""

    since_s: float = 0.0
    change: Change | None = None
    cuts: list[Cut] = field(default_factory=list)
    ticks: int = 0

    def __bool__(self) -> bool:
        return self.change is not None or bool(self.cuts)


class Pipeline:
    """Plays ticks and changes, commits what they cause, tells Redis. Raises Fenced, Stopped and the source's errors."""

    def __init__(
        self, core: Core, ends: Ends, batch_s: float, taken: Taken, *, clock: Clock, metrics: HotMetrics
    ) -> None:
        self._core, self._ends, self._batch_s = core, ends, batch_s
        self._shard, self._number = taken.shard, taken.number
        self._clock, self._metrics = clock, metrics
        self._pending = Pending()
        self._is_trading = True
        self._portfolios = views.Portfolios()
        self._told_s = self._ticked_s = self._beat_s = clock.monotonic()

    def run(self, stop: Event, ready: Event) -> None:
        """Go on until `stop`; what was played by then is committed. `ready` is set when the first tick is read."""
        self._metrics.epoch.set(self._shard.epoch)
        self._tell_held()
        self._rebuild()
        _settle_memory()
        ready.set()
        while not stop.is_set():
            self._step()
        self._commit(NOTHING)

    def _step(self) -> None:
        self._follow()
        chunk = self._ends.source.read(self._batch_s, enough=ENOUGH)
        if chunk is not None:
            self._play(chunk)
        elif self._clock.monotonic() - self._ticked_s >= QUIET_S:
            self._beat()
        if self._pending and self._clock.monotonic() - self._pending.since_s >= JOURNAL_EVERY_S:
            self._commit(NOTHING)
        self._tell_portfolios()
        if self._ends.redis.is_lost(self._shard.epoch):
            self._rebuild()

    def _follow(self) -> None:
        """Changes meet the core between two batches, and begin a row of the journal."""
        while (change := self._ends.follower.taken()) is not None:
            self._commit(NOTHING)
            self.changed(change)

    def reconcile(self, *, accept_orders: bool) -> None:
        """Before the first tick: where the desk contradicts PostgreSQL, take PostgreSQL's word, or let all orders leave
        the desk and fill none."""
        found, sight = reconcile.contradictions(self._core.desk, self._core.sight), self._core.sight
        self._metrics.trading.set(accept_orders or not found)
        if not found:
            return
        self._commit(NOTHING)
        log.error("orders contradict the journal", found=found[:SHOWN], count=len(found), remedy=reconcile.REMEDY)
        self.changed(reconcile.accepted(sight) if accept_orders else reconcile.suspended(sight))
        self._is_trading = accept_orders

    def changed(self, change: Change) -> None:
        """Let the core meet a change; it is journalled with the next row."""
        if not self._is_trading:
            change = reconcile.without_orders(change)
        self._core.change(change)
        self._pending.since_s, self._pending.change = self._clock.monotonic(), change
        self._metrics.changes.inc()
        self._tell_held()

    def _play(self, chunk: Chunk) -> None:
        raw = self._ends.reader.decoded(chunk)
        judged = judge(raw, self._core.names)
        batch = judged.batch
        outcome = self._core.play(batch)
        self._played(Cut(tuple(self._ends.source.expected().values())), len(batch))
        quotes = views.quotes(self._core, batch, outcome)
        if outcome.effects:
            self._commit(outcome.effects, quotes)
        else:
            self._ends.redis.write(quotes, {})
        self._measure(batch, judged.ignored, outcome.late)

    def _beat(self) -> None:
        """Time passes without ticks, from the newest event time of all."""
        now, newest = self._clock.monotonic(), self._core.monitor.newest_us
        if newest == NEVER or now - self._beat_s < QUIET_S:
            return
        passed_s = now - max(self._ticked_s, self._beat_s)
        self._beat_s = now
        at_us = newest + round(1e6 * passed_s)
        effects = self._core.beat(at_us)
        self._played(Cut(tuple(self._ends.source.expected().values()), at_us), 0)
        if effects:
            self._commit(effects)

    def _played(self, cut: Cut, ticks: int) -> None:
        pending = self._pending
        if not pending:
            pending.since_s = self._clock.monotonic()
        pending.cuts.append(cut)
        pending.ticks += ticks

    def _commit(self, effects: Effects, quotes: Mapping[str, bytes] = NO_QUOTES) -> None:
        """Write what was played as a row of the journal, with what its last batch caused; then tell Redis of that, and
        of the batch's quotes."""
        pending = self._pending
        if not pending:
            return
        row = Row(
            number=self._number + 1,
            batches=len(pending.cuts),
            cuts=cuts_to_bytes(pending.cuts),
            changes=None if pending.change is None else change_to_text(pending.change),
            ticks=pending.ticks,
            committed_at=self._clock.now(),
        )
        committed = self._ends.writer.commit(self._shard, row, effects, self._core.sight)
        self._number, self._pending = row.number, Pending()
        self._ends.redis.write(quotes, {}, committed.alerts)
        if committed.change is not None:
            self._core.change(committed.change)
            self._number += 1
        for portfolio in effects.dealt.portfolios:
            self._ends.follower.hint(portfolio)
        self._metrics.alerts.inc(len(committed.alerts))
        self._metrics.fills.inc(len(effects.dealt.fills))
        self._metrics.journal.set(self._number)
        self._settled(pending)

    def _settled(self, pending: Pending) -> None:
        """The journal is written: so far ticks are done with, and from here a state may be kept."""
        expected = self._ends.source.expected()
        self._ends.source.committed({number: Span(end - 1, end - 1) for number, end in expected.items() if end})
        if self._ends.checkpoints.is_due(pending.ticks):
            standing = Standing(self._core.state(), tuple(expected.values()))
            self._ends.checkpoints.keep(self._shard, self._number, standing)

    def _tell_portfolios(self) -> None:
        now = self._clock.monotonic()
        if now - self._told_s >= PORTFOLIOS_EVERY_S:
            self._told_s = now
            self._ends.redis.write({}, self._portfolios.moved(self._core))

    def _rebuild(self) -> None:
        """Redis has nothing, or what another process wrote."""
        self._ends.redis.rebuilt(self._shard.epoch, views.all_quotes(self._core), self._portfolios.whole(self._core))

    def _measure(self, batch: Batch, ignored: Mapping[str, int], late: int) -> None:
        self._ticked_s = self._clock.monotonic()
        self._metrics.batches.inc()
        self._metrics.ticks.inc(len(batch))
        self._metrics.late.inc(late)
        self._metrics.ignored(ignored)
        self._metrics.written(batch.kafka_us, epoch_us(self._clock.now()))

    def _tell_held(self) -> None:
        sight = self._core.sight
        self._metrics.held(
            symbols=len(self._core.symbols) - 1,
            portfolios=len(sight[PORTFOLIOS]),
            positions=sight.count(UNITS),
            rules=len(sight[RULES]),
            orders=sight.count(ORDERS),
        )
        self._metrics.asleep.set(
            rules.without_var(sight[RULES].values(), sight[VAR], has_scenarios=bool(sight[RETURNS]))
        )


def _settle_memory() -> None:
    """What was loaded stays: the collector, which would look through it for a fifth of a second now and then while
    ticks wait, is told to leave it alone."""
    gc.collect()
    gc.freeze()
