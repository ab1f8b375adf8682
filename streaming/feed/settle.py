"""Wait until the lander has taken what was sent, and count where every message went by reading the tables."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pa_dataset
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from lakehouse.clock import Clock
from lakehouse.contracts.model import Table
from lakehouse.contracts.tables.bronze import QUARANTINE
from lakehouse.contracts.topics import topic as contract_of
from lakehouse.errors import TidemarkError
from lakehouse.settings import S3Settings
from lakehouse.stores import delta
from streaming.feed.producer import Acknowledged
from streaming.kit.offsets import app_id

PATIENCE_S = 120.0
_POLL_S = 0.2

OnProgress = Callable[[int, int], None]
"""Called with the messages that are settled and those that were sent."""


class SettleError(TidemarkError):
    """The lander does not move, so nobody can say what became of the messages."""


@dataclass(frozen=True, slots=True)
class TopicCounts:
    """Where the messages of one topic went. `reasons` counts the quarantined ones by reason."""

    produced: int
    landed: int
    quarantined: int
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def adds_up(self) -> bool:
        """Every message is in exactly one of the two tables."""
        return self.produced == self.landed + self.quarantined


@dataclass(frozen=True, slots=True)
class LandedCounts:
    """The same for all topics; `seconds` is how long the wait took."""

    topics: dict[str, TopicCounts]
    seconds: float

    @property
    def produced(self) -> int:
        return sum(counts.produced for counts in self.topics.values())

    @property
    def landed(self) -> int:
        return sum(counts.landed for counts in self.topics.values())

    @property
    def quarantined(self) -> int:
        return sum(counts.quarantined for counts in self.topics.values())

    @property
    def adds_up(self) -> bool:
        return all(counts.adds_up for counts in self.topics.values())


def await_landed(
    section: S3Settings,
    sent: Mapping[str, Acknowledged],
    *,
    clock: Clock,
    patience_s: float = PATIENCE_S,
    on_progress: OnProgress | None = None,
) -> LandedCounts:
    """Block until the lander's own offsets in the Delta tables have passed every offset in `sent`, then count rows.

    The count reads partition and offset of the rows that landed, so a lost or doubled message shows as counts that
    do not add up; they are read again for `patience_s` seconds before they are returned like that. Raises
    SettleError where the lander makes no progress for as long.
    """
    began = clock.monotonic()
    followers = [_Follower(section, acknowledged) for acknowledged in sent.values() if acknowledged.total]
    total = sum(follower.total for follower in followers)
    done, moved = -1, began
    while True:
        now_done = sum(follower.settled() for follower in followers)
        if on_progress is not None:
            on_progress(now_done, total)
        moved = clock.monotonic() if now_done > done else moved
        done = now_done
        waited = clock.monotonic() - moved
        if done == total:
            counts = {follower.topic: follower.count() for follower in followers}
            landed = LandedCounts(counts, clock.monotonic() - began)
            if landed.adds_up or waited >= patience_s:
                return landed
        elif waited >= patience_s:
            raise SettleError(
                f"the lander has taken {done} of {total} messages and none for {patience_s:g} s: is it running? "
                "See `tidemark status` and `tidemark logs landing`; what was sent waits in Kafka and will land"
            )
        clock.sleep(_POLL_S)


class _Follower:
    """Reads how far one topic's bronze and quarantine tables are."""

    def __init__(self, section: S3Settings, sent: Acknowledged) -> None:
        self.topic = sent.topic
        self.total = sent.total
        self._sent = sent
        contracts = (contract_of(sent.topic).bronze, QUARANTINE)
        self._bronze, self._quarantine = (_Reader(section, contract) for contract in contracts)

    def settled(self) -> int:
        """Messages at or below the offset that the lander has written down in bronze, which it does last."""
        self._bronze.refresh()
        self._quarantine.refresh()
        done = 0
        for partition, runs in self._sent.runs.items():
            reached = self._bronze.version_of(app_id(self.topic, partition))
            done += sum(max(0, min(last, reached) - first + 1) for first, last in runs)
        return done

    def count(self) -> TopicCounts:
        landed, _ = self._bronze.count(self._sent, with_reason=False)
        quarantined, reasons = self._quarantine.count(self._sent, with_reason=True)
        return TopicCounts(self.total, landed, quarantined, dict(sorted(reasons.items())))


class _Reader:
    """One Delta table, which may not exist yet."""

    def __init__(self, section: S3Settings, contract: Table) -> None:
        self._section = section
        self._contract = contract
        self._table: DeltaTable | None = None

    def refresh(self) -> None:
        try:
            if self._table is None:
                self._table = delta.open_table(self._section, self._contract)
            else:
                self._table.update_incremental()
        except TableNotFoundError:
            self._table = None
        except OSError as error:
            where = delta.uri(self._section, self._contract)
            raise SettleError(f"{where} at {self._section.endpoint_url} cannot be read: {error}") from error

    def version_of(self, app: str) -> int:
        """The offset that the lander last committed for this partition; -1 where it has committed none."""
        version = None if self._table is None else self._table.transaction_version(app)
        return -1 if version is None else version

    def count(self, sent: Acknowledged, *, with_reason: bool) -> tuple[int, Counter[str]]:
        """Rows of this table that are messages of `sent`, and their reasons where asked."""
        reasons: Counter[str] = Counter()
        rows = 0
        if self._table is None:
            return rows, reasons
        columns = ["_topic", "_partition", "_offset", *(["reason"] if with_reason else [])]
        dataset = self._table.to_pyarrow_dataset()
        for batch in dataset.to_batches(columns=columns, filter=_span(sent)):
            mine = _members(sent, batch["_partition"].to_numpy(), batch["_offset"].to_numpy())
            mine &= pc.equal(batch["_topic"], sent.topic).to_numpy(zero_copy_only=False)
            rows += int(mine.sum())
            if with_reason:
                reasons.update(batch["reason"].filter(pa.array(mine)).to_pylist())
        return rows, reasons


def _span(sent: Acknowledged) -> pa_dataset.Expression:
    """The smallest rectangles around the offsets, by which files are left out; `_members` does the rest.

    Only columns that the lander writes statistics for may stand here: a file without them is left out silently.
    """
    inside = pc.scalar(value=False)
    for partition, runs in sent.runs.items():
        offset = pc.field("_offset")
        inside |= (pc.field("_partition") == partition) & (offset >= runs[0][0]) & (offset <= runs[-1][1])
    return inside


def _members(
    sent: Acknowledged, partitions: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    mine = np.zeros(offsets.size, dtype=np.bool_)
    for partition, runs in sent.runs.items():
        firsts, lasts = (np.array(side, dtype=np.int64) for side in zip(*runs, strict=True))
        run = np.searchsorted(firsts, offsets, side="right") - 1
        mine |= (partitions == partition) & (run >= 0) & (offsets <= lasts[run])
    return mine
