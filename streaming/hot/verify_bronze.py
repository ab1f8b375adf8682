"""Ticks read again from bronze, where the lander has put every message of market.ticks: by partition and offset."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from lakehouse.clock import Clock
from lakehouse.contracts.job_process import JobExit
from lakehouse.contracts.model import Table, Topic
from lakehouse.contracts.tables.bronze import QUARANTINE
from lakehouse.contracts.topics import TICKS
from lakehouse.errors import TidemarkError
from lakehouse.risk.checks import IntArray
from lakehouse.settings import S3Settings
from lakehouse.stores import delta
from streaming.hot.restart import Place
from streaming.hot.ticks import Raw, joined, read_rows
from streaming.kit.offsets import app_id

WINDOW: Final = 200_000
"""Offsets of a partition that are read at a time, at least."""
POLL_S: Final = 0.2
_PLACE: Final = ("_partition", "_offset")
# Only columns of the lander's statistics may choose files: one without them would be left out silently.
_COLUMNS: Final = (*_PLACE, "_kafka_ts", *(field.name for field in TICKS.fields))


class BronzeAway(TidemarkError):
    """The tables cannot be read: worth another try."""

    exit_code: int = JobExit.UNAVAILABLE


class NotLanded(TidemarkError):
    """The journal is ahead of bronze, so there is nothing to be said yet: worth another try."""

    exit_code: int = JobExit.UNAVAILABLE


class BronzeLacks(TidemarkError):
    """Bronze has gone on without offsets that the journal names, or has some of them twice."""


class BronzePast:
    """The ticks of `start` to before `end`, forward only. What is in quarantine was no tick for the hot process either,
    as long as `landing.max_future_s` is not less than what that takes for the future."""

    def __init__(
        self, section: S3Settings, topic: Topic, start: Place, end: Place, *, clock: Clock, wait_s: float
    ) -> None:
        """`topic` has the contract of market.ticks. Waits for the lander for at most `wait_s`. Blocking. Raises
        NotLanded, BronzeAway."""
        self._section, self._topic, self._end = section, topic, end
        with self._reached():
            self._bronze = self._landed(clock, wait_s)
            # Opened later than bronze, of which a commit comes after that of quarantine.
            self._quarantine = self._open(QUARANTINE)
        self._until = padded(start, len(end))
        self._held: Raw | None = None
        self._starts: IntArray = np.zeros(len(end) + 1, np.int64)

    def between(self, first: Place, end: Place) -> Raw | None:
        """Blocking. Raises BronzeLacks, BronzeAway."""
        first, end = (padded(place, len(self._end)) for place in (first, end))
        if any(wanted > until for wanted, until in zip(end, self._until, strict=True)):
            self._load(first, end)
        if self._held is None:
            return None
        parts = [self._part(self._held, *each) for each in zip(range(len(end)), first, end, strict=True)]
        found = [part for part in parts if len(part.offset)]
        return joined(found) if found else None

    def _part(self, held: Raw, partition: int, first: int, end: int) -> Raw:
        start, stop = self._starts[partition : partition + 2].tolist()
        low, high = (start + np.searchsorted(held.offset[start:stop], (first, end))).tolist()
        return held.take(slice(low, high))

    def _load(self, first: Place, end: Place) -> None:
        """Hold what comes next, from `first` on and beyond `end`."""
        until = tuple(
            max(stop, min(last, begin + WINDOW)) for begin, stop, last in zip(first, end, self._end, strict=True)
        )
        with self._reached():
            rows = self._read(self._bronze, _COLUMNS, first, until)
            refused = self._read(self._quarantine, (*_PLACE, "_topic"), first, until)
        refused = refused.filter(pc.equal(refused["_topic"], self._topic.name))
        for partition, span in enumerate(zip(first, until, strict=True)):
            _check_whole(
                f"{self._topic.name}[{partition}]", span, [_offsets(table, partition) for table in (rows, refused)]
            )
        partition, offset = (rows[name].to_numpy().astype(np.int64) for name in _PLACE)
        order = np.lexsort((offset, partition))
        table = rows.take(order).combine_chunks()
        kafka_us = table["_kafka_ts"].cast(pa.int64()).to_numpy()
        self._held = read_rows(table, partition[order], offset[order], kafka_us)
        self._starts = np.searchsorted(self._held.partition, np.arange(len(end) + 1))
        self._until = until

    def _read(self, table: DeltaTable | None, columns: Sequence[str], first: Place, until: Place) -> pa.Table:
        found = pc.scalar(value=False)
        for partition, (begin, stop) in enumerate(zip(first, until, strict=True)):
            offset = pc.field("_offset")
            found |= (pc.field("_partition") == partition) & (offset >= begin) & (offset < stop)
        if table is None:
            return pa.table({name: pa.array([], pa.string() if name == "_topic" else pa.int64()) for name in columns})
        return table.to_pyarrow_dataset().to_table(columns=list(columns), filter=found)

    def _landed(self, clock: Clock, wait_s: float) -> DeltaTable | None:
        """Bronze, once it has everything before the end; None where that is nothing."""
        deadline = clock.monotonic() + wait_s
        table = self._open(self._topic.bronze)
        while lacking := self._lacking(table):
            if clock.monotonic() > deadline:
                raise NotLanded(
                    f"not landed in {self._topic.bronze.name} yet: {', '.join(lacking)}. See `tidemark status` for the "
                    "lander and try again; --from topic reads what the broker still has"
                )
            clock.sleep(POLL_S)
            if table is None:
                table = self._open(self._topic.bronze)
            else:
                table.update_incremental()
        return table

    def _lacking(self, table: DeltaTable | None) -> list[str]:
        """The offsets before the end that have not landed, as people read them."""
        lacking = []
        for partition, end in enumerate(self._end):
            version = None if table is None else table.transaction_version(app_id(self._topic.name, partition))
            landed = 0 if version is None else int(version) + 1
            if landed < end:
                lacking.append(f"{self._topic.name}[{partition}] {landed} to {end - 1}")
        return lacking

    def _open(self, table: Table) -> DeltaTable | None:
        try:
            return delta.open_table(self._section, table)
        except TableNotFoundError:
            return None

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (OSError, DeltaError) as error:
            raise BronzeAway(f"bronze at {self._section.endpoint_url} cannot be read: {error}") from error


def padded(place: Place, partitions: int) -> Place:
    """Of partitions that the topic got later, nothing was read before."""
    return place + (0,) * (partitions - len(place))


def _offsets(rows: pa.Table, partition: int) -> IntArray:
    found: IntArray = rows["_offset"].filter(pc.equal(rows["_partition"], partition)).to_numpy()
    return found


def _check_whole(name: str, span: tuple[int, int], landed: Sequence[IntArray]) -> None:
    """Every offset of the span is in one of the two tables, once. Raises BronzeLacks."""
    begin, stop = span
    found = np.sort(np.concatenate(landed))
    if len(found) == stop - begin and np.array_equal(found, np.arange(begin, stop)):
        return
    missing = np.setdiff1d(np.arange(begin, stop), found)
    if len(missing):
        raise BronzeLacks(
            f"bronze lacks {len(missing)} offsets of {name}, the first is {missing[0]}, and has gone on after them: "
            "the lander was told --accept-gap, or rows were removed. --from topic reads what the broker still has"
        )
    twice = found[np.flatnonzero(np.diff(found) == 0)]
    raise BronzeLacks(f"bronze has {len(twice)} offsets of {name} twice, the first is {twice[0]}: see `tidemark logs`")
