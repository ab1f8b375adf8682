"""What became of the messages is read from the tables: lost and doubled rows show, other people's do not count."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from uuid import uuid4

import pyarrow as pa
import pytest
from deltalake import CommitProperties, Transaction, write_deltalake

from lakehouse.clock import ManualClock
from lakehouse.contracts.model import Table
from lakehouse.contracts.render import arrow
from lakehouse.contracts.tables.bronze import MARKET_TICKS, QUARANTINE
from lakehouse.contracts.topics import TICKS
from lakehouse.settings import S3Settings, Settings
from lakehouse.stores import delta, objects
from streaming.feed.producer import Acknowledged
from streaming.feed.settle import LandedCounts, SettleError, await_landed

pytestmark = [pytest.mark.integration, pytest.mark.engines("s3")]
MOMENT = datetime(2022, 12, 28, 15, tzinfo=UTC)
FILLERS = {pa.string(): "x", pa.float64(): 1.0, pa.date32(): date(2022, 12, 28), pa.binary(): b"x"}


@pytest.fixture
def bucket(stack: Settings) -> Iterator[S3Settings]:
    """A bucket of its own, so that the lander of the stack has no part in the test."""
    section = stack.s3.model_copy(update={"lake_bucket": f"test-feed-{uuid4().hex}"})
    client = objects.connect(section)
    objects.ensure_bucket(client, section.lake_bucket)
    yield section
    for found in client.list_objects(bucket_name=section.lake_bucket, recursive=True):
        client.remove_object(bucket_name=section.lake_bucket, object_name=str(found.object_name))
    client.remove_bucket(bucket_name=section.lake_bucket)


def commit(section: S3Settings, table: Table, partition: int, offsets: Sequence[int], *, version: int) -> None:
    """What the lander does with a batch: rows and the partition's last offset in one commit."""
    target = delta.ensure_table(section, table)
    known = {"_topic": TICKS.name, "_partition": partition, "reason": "missing_price"}
    rows = [{**known, "_offset": offset} for offset in offsets]
    columns = [pa.array([_cell(row, field) for row in rows], field.type) for field in arrow.schema(table)]
    mark = Transaction(f"landing:{TICKS.name}:{partition}", version)
    write_deltalake(
        target,
        pa.table(columns, schema=arrow.schema(table)),
        mode="append",
        commit_properties=CommitProperties(app_transactions=[mark]),
    )


def _cell(row: dict[str, object], field: pa.Field) -> object:
    filler = MOMENT if pa.types.is_timestamp(field.type) else FILLERS.get(field.type, 1)
    return row.get(field.name, filler)


def settle(section: S3Settings, sent: Acknowledged) -> LandedCounts:
    return await_landed(section, {TICKS.name: sent}, clock=ManualClock(), patience_s=2)


def test_rows_of_both_tables_are_counted_and_others_are_not(bucket: S3Settings) -> None:
    commit(bucket, QUARANTINE, 0, [7], version=10)
    commit(bucket, MARKET_TICKS, 0, [0, 1, 2, 5, 6, 8, 9, 10], version=10)
    commit(bucket, MARKET_TICKS, 1, [3, 4, 5], version=5)
    sent = Acknowledged(TICKS.name, {0: ((1, 2), (6, 9)), 1: ((4, 5),)})
    steps: list[tuple[int, int]] = []

    counts = await_landed(
        bucket,
        {TICKS.name: sent},
        clock=ManualClock(),
        on_progress=lambda done, total: steps.append((done, total)),
    )

    found = counts.topics[TICKS.name]
    assert (found.produced, found.landed, found.quarantined) == (8, 7, 1)
    assert found.reasons == {"missing_price": 1}
    assert counts.adds_up
    assert steps[-1] == (8, 8)


def test_a_batch_of_bad_rows_alone_is_seen(bucket: S3Settings) -> None:
    commit(bucket, QUARANTINE, 0, [0, 1], version=1)
    commit(bucket, MARKET_TICKS, 0, [], version=1)

    counts = settle(bucket, Acknowledged(TICKS.name, {0: ((0, 1),)}))

    assert (counts.landed, counts.quarantined, counts.adds_up) == (0, 2, True)


@pytest.mark.parametrize(("offsets", "landed"), [([0, 2], 2), ([0, 1, 1, 2], 4)])
def test_a_lost_or_a_doubled_row_does_not_add_up(bucket: S3Settings, offsets: list[int], landed: int) -> None:
    commit(bucket, MARKET_TICKS, 0, offsets, version=2)

    counts = settle(bucket, Acknowledged(TICKS.name, {0: ((0, 2),)}))

    assert not counts.adds_up
    assert (counts.produced, counts.landed) == (3, landed)


def test_a_lander_that_does_not_move_is_an_error_that_says_what_to_do(bucket: S3Settings) -> None:
    commit(bucket, MARKET_TICKS, 0, [0, 1], version=1)

    with pytest.raises(SettleError, match=r"taken 2 of 3 messages.*tidemark logs landing"):
        settle(bucket, Acknowledged(TICKS.name, {0: ((0, 2),)}))


def test_a_lake_without_tables_waits_for_the_lander(bucket: S3Settings) -> None:
    with pytest.raises(SettleError, match="taken 0 of 1"):
        settle(bucket, Acknowledged(TICKS.name, {0: ((0, 0),)}))


def test_a_lake_that_refuses_us_is_an_error(bucket: S3Settings) -> None:
    stranger = bucket.model_copy(update={"access_key": "nobody"})

    with pytest.raises(SettleError, match="cannot be read"):
        settle(stranger, Acknowledged(TICKS.name, {0: ((0, 0),)}))


def test_nothing_sent_is_settled_at_once(bucket: S3Settings) -> None:
    assert settle(bucket, Acknowledged(TICKS.name, {})).adds_up
