"""What one commit promises: rows and offsets together, never twice, whatever happens between two of them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import numpy as np
import pytest
from deltalake import CommitProperties

from lakehouse.clock import ManualClock, SystemClock, epoch_us
from lakehouse.contracts.render import arrow
from lakehouse.contracts.tables.bronze import QUARANTINE
from lakehouse.settings import Settings
from lakehouse.stores import delta
from streaming.kit.offsets import FencedError, Span, app_id
from streaming.kit.source import Chunk
from streaming.landing.batch import Batch, Flush
from streaming.landing.maintenance import maintain
from streaming.landing.processor import Processor
from streaming.landing.sinks import DeltaSink
from streaming.landing.state import ReplayError
from tests.factories.landing import Landscape, land_here, landscape, send, tick

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka", "s3")]
YESTERDAY = datetime(2026, 2, 1, 12, tzinfo=UTC)
TODAY = date(2026, 2, 2)


@pytest.fixture
def land(stack: Settings) -> Iterator[Landscape]:
    made = landscape(stack, partitions=2)
    yield made
    made.remove()


class Killed(Exception):
    """Stands for a crash at one exact point."""


class DyingSink(DeltaSink):
    """Dies after the quarantine commit and before the bronze one."""

    def _append(self, actions: object, properties: CommitProperties) -> None:
        raise Killed


def sink(land: Landscape, kind: type[DeltaSink] = DeltaSink) -> DeltaSink:
    made = kind(land.settings.s3, land.topic, clock=SystemClock())
    made.open((0,))
    return made


def flush(land: Landscape, first: int, *messages: bytes) -> Flush:
    """One flush of partition 0 that holds these messages from offset `first` on."""
    count, read_us = len(messages), epoch_us(YESTERDAY)
    chunk = Chunk(
        values=messages,
        partition=np.zeros(count, np.int32),
        offset=np.arange(first, first + count),
        kafka_ts_us=np.full(count, read_us),
        keys=[None] * count,
        read_us=read_us,
        spans={0: Span(first, first + count - 1)},
    )
    batch = Batch(land.topic, ingest_day=chunk.ingest_day, opened_s=0.0)
    batch.add(chunk, Processor(land.topic, max_message_bytes=1_000, max_future_s=300.0).process(chunk))
    return batch.seal(arrow.schema(QUARANTINE))


def version(land: Landscape) -> int | None:
    found: int | None = delta.open_table(land.settings.s3, land.topic.bronze).transaction_version(
        app_id(land.topic.name, 0)
    )
    return found


def test_a_commit_carries_rows_offsets_and_what_it_settled(land: Landscape) -> None:
    sink(land).commit(flush(land, 0, tick(0), tick(1), b"poison"))

    table = delta.open_table(land.settings.s3, land.topic.bronze)
    (last,) = table.history(1)
    assert table.transaction_version(app_id(land.topic.name, 0)) == 2
    assert (last["tidemark.offsets"], last["tidemark.rows"], last["tidemark.quarantined"]) == (
        '{"0": [0, 2]}',
        "2",
        "1",
    )
    assert land.rows()["_offset"].to_pylist() == [0, 1]
    assert land.quarantined()["_offset"].to_pylist() == [2]


def test_the_same_offsets_again_are_refused(land: Landscape) -> None:
    once = sink(land)
    once.commit(flush(land, 0, tick(0), tick(1)))

    with pytest.raises(ReplayError):
        once.commit(flush(land, 0, tick(0), tick(1)))
    with pytest.raises(ReplayError):
        sink(land).commit(flush(land, 1, tick(1), tick(2)))
    assert land.rows().num_rows == 2


def test_lower_offsets_do_not_move_the_version_back(land: Landscape) -> None:
    sink(land).commit(flush(land, 600, tick(0)))

    with pytest.raises(ReplayError):
        sink(land).commit(flush(land, 5, tick(1)))
    assert version(land) == 600


def test_a_lander_with_an_old_snapshot_is_fenced(land: Landscape) -> None:
    first, second = sink(land), sink(land)
    first.commit(flush(land, 0, tick(0)))

    with pytest.raises(FencedError, match="another lander owns the partition"):
        second.commit(flush(land, 0, tick(0)))
    with pytest.raises(FencedError):
        second.commit(flush(land, 1, tick(1)))
    first.commit(flush(land, 1, tick(1)))
    assert sorted(land.rows()["_offset"].to_pylist()) == [0, 1]


def test_a_fenced_lander_leaves_no_poison_behind_either(land: Landscape) -> None:
    first, second = sink(land), sink(land)
    first.commit(flush(land, 0, b"poison", tick(1)))

    with pytest.raises(FencedError):
        second.commit(flush(land, 0, b"poison", tick(1)))
    assert land.quarantined().num_rows == 1


def test_a_crash_between_quarantine_and_bronze_doubles_nothing(land: Landscape) -> None:
    messages = [tick(0), b"poison", tick(2), b"more", tick(4)]
    send(land, messages)
    with pytest.raises(Killed):
        sink(land, DyingSink).commit(flush(land, 0, *messages))
    assert (land.rows().num_rows, land.quarantined().num_rows) == (0, 2)

    totals = land_here(land)

    assert (totals.landed, totals.quarantined) == (3, 0)
    assert sorted(land.rows()["_offset"].to_pylist()) == [0, 2, 4]
    assert sorted(land.quarantined()["_offset"].to_pylist()) == [1, 3]
    send(land, [b"later", tick(6)])
    land_here(land)
    assert sorted(land.rows()["_offset"].to_pylist()) == [0, 2, 4, 6]
    assert sorted(land.quarantined()["_offset"].to_pylist()) == [1, 3, 5]


def test_landers_of_other_partitions_do_not_disturb(land: Landscape) -> None:
    other = DeltaSink(land.settings.s3, land.topic, clock=SystemClock())
    other.open((1,))
    mine = sink(land)
    for offset in range(3):
        mine.commit(flush(land, offset, tick(offset)))
        theirs = flush(land, offset, tick(offset))
        other.commit(
            Flush(
                topic=theirs.topic,
                spans={1: theirs.spans[0]},
                ingest_date=theirs.ingest_date,
                bronze=theirs.bronze,
                rows=theirs.rows,
                stats=theirs.stats,
                quarantine=theirs.quarantine,
                reasons=theirs.reasons,
                kafka_ts_us=theirs.kafka_ts_us,
            )
        )

    assert land.rows().num_rows == 6


def test_closed_dates_are_compacted_beside_a_lander_and_only_once(land: Landscape) -> None:
    lander = sink(land)
    send(land, (tick(number) for number in range(7)), partitions=[0])
    send(land, (tick(number) for number in range(12)), partitions=[1])
    for offset in (0, 2, 4):
        lander.commit(flush(land, offset, tick(offset), b"poison"))
    before = sorted(land.rows()["sequence"].to_pylist())

    done = maintain(land.settings.s3, land.topic.bronze, today=TODAY, target_bytes=1 << 27)
    lander.commit(flush(land, 6, tick(6)))
    again = maintain(land.settings.s3, QUARANTINE, today=TODAY, target_bytes=1 << 27)
    land_here(land, clock=ManualClock(datetime(2026, 2, 2, tzinfo=UTC)))
    last = maintain(land.settings.s3, land.topic.bronze, today=TODAY, target_bytes=1 << 27)
    idle = maintain(land.settings.s3, land.topic.bronze, today=TODAY, target_bytes=1 << 27)

    assert done is not None
    assert again is not None
    assert last is not None
    assert idle is not None
    assert (done.dates_compacted, done.files_before, done.files_after, done.row_count) == (1, 3, 1, 3)
    assert (again.files_before, again.files_after, again.row_count) == (3, 1, 3)
    assert (last.dates_compacted, last.files_after, last.row_count) == (1, 2, 16)
    assert (idle.dates_compacted, idle.files_after, idle.delta_version) == (0, 2, last.delta_version)
    assert sorted(land.rows()["sequence"].to_pylist()) == sorted([*before, 6, *range(12)])


def test_a_table_made_with_another_retention_gets_its_contracts_beside_a_lander(land: Landscape) -> None:
    lander = sink(land)
    lander.commit(flush(land, 0, tick(0), b"poison"))
    for table in (land.topic.bronze, QUARANTINE):
        made = delta.open_table(land.settings.s3, table)
        made.alter.set_table_properties(dict.fromkeys(delta.retention(table), "interval 7 days"))
        once, twice = (maintain(land.settings.s3, table, today=TODAY, target_bytes=1 << 27) for _ in range(2))
        held = delta.open_table(land.settings.s3, table).metadata().configuration
        assert delta.retention(table).items() <= held.items()
        assert once == twice
    lander.commit(flush(land, 2, tick(1), b"poison"))
    assert sorted(land.rows()["_offset"].to_pylist()) == [0, 2]
    assert sorted(land.quarantined()["_offset"].to_pylist()) == [1, 3]


def test_a_table_that_does_not_exist_needs_no_maintenance(land: Landscape) -> None:
    assert maintain(land.settings.s3, land.topic.bronze, today=TODAY, target_bytes=1) is None
