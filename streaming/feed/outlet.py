"""Ticks of providers onto `market.ticks`: judged by the door's checks, encoded in columns, every message counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from lakehouse.clock import Clock, epoch_us
from lakehouse.contracts.render import arrow
from lakehouse.contracts.topics import TICKS
from streaming.feed.encode import Reject, encode, envelope, envelope_key, keys
from streaming.feed.port import Batch, Tick, refused_tick
from streaming.feed.producer import Sender
from streaming.kit.checks import check

_SCHEMA = arrow.message_schema(TICKS)


@dataclass(slots=True)
class Sent:
    """What was queued for Kafka: ticks by provider, rejects by reason."""

    ticks: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """Messages: a tick is one, and so is a reject."""
        return self.ticks.total() + self.rejects.total()


def table_of(ticks: Sequence[Tick]) -> pa.Table:
    """Ticks as rows of `market.ticks`, in order."""
    columns = {name: [getattr(tick, name) for tick in ticks] for name in _SCHEMA.names}
    return pa.table(columns, schema=_SCHEMA)


def judged(batch: Batch, *, now_us: int, max_future_s: float) -> tuple[pa.Table, tuple[Reject, ...]]:
    """The rows of a batch that keep the contract of `market.ticks`, and all rejects: its own, then the others."""
    rows = table_of(batch.ticks)
    verdict = check(TICKS, rows, now_us=now_us, max_future_s=max_future_s)
    broken = tuple(refused_tick(batch.ticks[bad.index], bad.reason, bad.detail) for bad in verdict.bad)
    return verdict.good_rows(rows), (*batch.rejects, *broken)


class Outlet:
    """Sends batches on: what keeps the contract as a tick, anything else in an envelope, which lands in quarantine."""

    def __init__(self, sender: Sender, *, clock: Clock, max_future_s: float) -> None:
        self._sender = sender
        self._clock = clock
        self._max_future_s = max_future_s
        self.sent = Sent()

    def put(self, batch: Batch) -> None:
        """Queue every tick and reject in order. Blocks while Kafka's queue is full. Raises DeliveryError."""
        now_us = epoch_us(self._clock.now())
        rows, rejects = judged(batch, now_us=now_us, max_future_s=self._max_future_s)
        self._sender.send(TICKS.name, keys(TICKS, rows), encode(TICKS, rows))
        self._sender.send(TICKS.name, [envelope_key(found) for found in rejects], [envelope(r) for r in rejects])
        self.sent.ticks.update(rows.column("provider").to_pylist())
        self.sent.rejects.update(found.reason.value for found in rejects)

    def settle(self) -> None:
        """Wait until the broker has answered for everything. Raises DeliveryError where it refused something."""
        self._sender.settle()
