"""The lander on a real broker and a real object store."""

import json
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pyarrow as pa
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic
from prometheus_client import generate_latest

from lakehouse.clock import ManualClock, SystemClock
from lakehouse.contracts.render import arrow
from lakehouse.contracts.tables.bronze import QUARANTINE
from lakehouse.settings import Settings
from lakehouse.stores import kafka
from streaming.kit import source
from streaming.kit.offsets import OffsetGapError
from streaming.kit.source import SourceError
from streaming.landing.metrics import LandingMetrics
from streaming.landing.pipeline import Until
from tests.factories.landing import (
    PATIENCE_S,
    Landscape,
    land_here,
    landscape,
    send,
    start_lander,
    tick,
    wait_until_landing,
)

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka", "s3")]


@pytest.fixture
def land(stack: Settings) -> Iterator[Landscape]:
    made = landscape(stack, partitions=4, max_message_bytes=2_000)
    yield made
    made.remove()


def identities(rows: pa.Table) -> list[tuple[int, int]]:
    return sorted(zip(rows["_partition"].to_pylist(), rows["_offset"].to_pylist(), strict=True))


def test_every_message_lands_once_with_its_provenance(land: Landscape) -> None:
    send(land, (tick(number) for number in range(1_000)), partitions=range(4))

    totals, again = land_here(land), land_here(land)

    rows = land.rows()
    assert (totals.messages, totals.landed, totals.quarantined) == (1_000, 1_000, 0)
    assert again.messages == 0
    assert identities(rows) == [(partition, offset) for partition in range(4) for offset in range(250)]
    assert sorted(rows["sequence"].to_pylist()) == list(range(1_000))
    assert set(rows["_topic"].to_pylist()) == {land.topic.name}
    assert rows.schema.names == list(land.topic.bronze.column_names)
    assert rows.schema.types == arrow.schema(land.topic.bronze).types
    assert land.quarantined().num_rows == 0


def test_poison_goes_to_quarantine_whole_and_the_counts_add_up(land: Landscape) -> None:
    poison = [
        b"not json",
        b"null",
        b"",
        None,
        tick(1, price=-1.0),
        tick(2, symbol=""),
        tick(3, event_time_us=4_102_444_800_000_000),
        tick(4, condition="x" * 2_000),
        b'{"_reject":"unparsable_time","_detail":"no such day","_source":"a.csv:7","_raw":"A,31/31/2020"}',
    ]
    pretty = json.dumps(json.loads(tick(6)), indent=1).encode()
    good = [tick(5), pretty, tick(7, venue_id=12, book={"levels": [1, 2]}), tick(8)]
    messages = [message for pair in zip(poison, good * 3, strict=False) for message in pair]
    send(land, messages, partitions=range(4))

    totals = land_here(land)

    rows, refused = land.rows(), land.quarantined()
    assert (totals.messages, totals.landed, totals.quarantined) == (18, 9, 9)
    assert rows.num_rows + refused.num_rows == len(messages)
    assert sorted(identities(rows) + identities(refused)) == identities(
        pa.concat_tables([rows.select(["_partition", "_offset"]), refused.select(["_partition", "_offset"])])
    )
    assert sorted(refused["reason"].to_pylist()) == sorted(
        ["unparsable"] * 4 + ["non_positive_price", "missing_field", "future_time", "oversized", "unparsable_time"]
    )
    raws = refused["raw"].to_pylist()
    assert b"not json" in raws
    assert b"A,31/31/2020" in raws
    assert max(map(len, raws)) == 2_000
    assert "a.csv:7" in refused["source"].to_pylist()
    assert set(refused["key"].to_pylist()) == {b"key"}
    extras = [json.loads(text) for text in rows["_extra"].to_pylist() if text]
    assert {"venue_id": 12, "book": {"levels": [1, 2]}} in extras


def test_a_flush_of_nothing_but_poison_still_moves_on(land: Landscape) -> None:
    send(land, [b"x"] * 5)

    first, second = land_here(land), land_here(land)

    assert (first.quarantined, second.messages) == (5, 0)
    assert land.quarantined().num_rows == 5


def test_a_stopped_lander_commits_what_it_holds(stack: Settings) -> None:
    land = landscape(stack, flush_interval_s=600.0)
    lander = start_lander(land)
    try:
        wait_until_landing(lander)
        send(land, (tick(number) for number in range(50)))
        SystemClock().sleep(1.0)
        assert land.rows().num_rows == 0
        lander.send_signal(signal.SIGTERM)
        out, _ = lander.communicate(timeout=PATIENCE_S)
    finally:
        lander.kill()

    assert lander.returncode == 0
    assert json.loads(out)["landed"] == 50
    assert land.rows().num_rows == 50
    land.remove()


def test_landers_over_disjoint_partitions_share_a_topic(land: Landscape) -> None:
    send(land, (tick(number) for number in range(20_000)), partitions=range(4))

    landers = [start_lander(land, "--once", "--partitions", numbers) for numbers in ("0,1", "2,3")]
    outs = [lander.communicate(timeout=PATIENCE_S) for lander in landers]

    assert [lander.returncode for lander in landers] == [0, 0], outs
    assert [json.loads(out)["landed"] for out, _ in outs] == [10_000, 10_000]
    assert sorted(land.rows()["sequence"].to_pylist()) == list(range(20_000))


def test_of_two_landers_on_one_partition_one_is_fenced(land: Landscape) -> None:
    landers = [start_lander(land, "--partitions", "0") for _ in range(2)]
    try:
        for lander in landers:
            wait_until_landing(lander)
        send(land, (tick(number) for number in range(100)))
        fenced = _first_to_end(landers)
        send(land, (tick(number) for number in range(100, 200)))
        _poll(lambda: land.rows().num_rows >= 200)
        (survivor,) = (lander for lander in landers if lander is not fenced)
        survivor.send_signal(signal.SIGTERM)
        survivor.communicate(timeout=PATIENCE_S)
        _, error = fenced.communicate(timeout=PATIENCE_S)
    finally:
        for lander in landers:
            lander.kill()

    assert (fenced.returncode, survivor.returncode) == (1, 0)
    assert "FencedError" in error
    assert sorted(land.rows()["sequence"].to_pylist()) == list(range(200))


def test_messages_lost_to_retention_raise_an_alarm_and_only_a_person_goes_on(land: Landscape) -> None:
    send(land, (tick(number) for number in range(10)))
    land_here(land)
    send(land, (tick(number) for number in range(10, 30)))
    _cut(land, before=15)

    with pytest.raises(OffsetGapError, match="offsets 10 to 14 are gone"):
        land_here(land)
    assert land.rows().num_rows == 10
    metrics = LandingMetrics()
    land_here(land, accept_gap=True, metrics=metrics)

    assert sorted(land.rows()["sequence"].to_pylist()) == [*range(10), *range(15, 30)]
    assert f'offsets_skipped_total{{topic="{land.topic.name}"}} 5.0' in generate_latest(metrics.registry).decode()


def test_a_fresh_table_does_not_begin_in_the_middle_of_a_topic(land: Landscape) -> None:
    send(land, (tick(number) for number in range(10)))
    _cut(land, before=4)

    with pytest.raises(OffsetGapError, match="--accept-gap"):
        land_here(land)


def test_a_topic_created_anew_is_not_taken_for_the_old_one(land: Landscape) -> None:
    send(land, (tick(number) for number in range(10)))
    land_here(land)
    admin = AdminClient(kafka.client_config(land.settings.kafka, "test"))
    admin.delete_topics([land.topic.name])[land.topic.name].result(timeout=PATIENCE_S)
    _poll(lambda: land.topic.name not in admin.list_topics(timeout=PATIENCE_S).topics)
    admin.create_topics([NewTopic(land.topic.name, num_partitions=4, replication_factor=1)])[land.topic.name].result()
    send(land, [tick(0)])

    with pytest.raises(OffsetGapError, match="created anew"):
        land_here(land)


def test_transaction_markers_are_holes_and_no_loss(land: Landscape) -> None:
    producer = Producer({**kafka.client_config(land.settings.kafka, "test"), "transactional.id": land.topic.name})
    producer.init_transactions(PATIENCE_S)
    for batch in range(3):
        producer.begin_transaction()
        for number in range(10):
            producer.produce(land.topic.name, value=tick(batch * 10 + number), partition=0)
        producer.commit_transaction(PATIENCE_S)
    metrics = LandingMetrics()

    totals = land_here(land, metrics=metrics)

    assert totals.landed == 30
    assert sorted(land.rows()["sequence"].to_pylist()) == list(range(30))
    assert f'offsets_skipped_total{{topic="{land.topic.name}"}} 2.0' in generate_latest(metrics.registry).decode()


def test_a_topic_that_grows_is_noticed(land: Landscape, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "LOOK_ROUND_S", 0.2)
    send(land, [tick(0)])
    land_here(land)
    admin = AdminClient(kafka.client_config(land.settings.kafka, "test"))
    metrics = LandingMetrics()

    def grow() -> None:
        label = {"topic": land.topic.name}
        _poll(lambda: metrics.registry.get_sample_value("tidemark_landing_paused", label) is not None)  # it reads
        admin.create_partitions([NewPartitions(land.topic.name, 6)])

    grown = threading.Thread(target=grow)
    grown.start()

    with pytest.raises(SourceError, match=r"grown partitions \[4, 5\]"):
        land_here(land, metrics=metrics, until=Until(idle_s=PATIENCE_S))
    grown.join()
    assert land_here(land).messages == 0


def test_a_flush_never_crosses_a_date(land: Landscape) -> None:
    clock = ManualClock(datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC))
    send(land, [tick(0)])
    land_here(land, clock=clock)
    clock.instant += timedelta(seconds=2)
    send(land, [tick(1)])
    land_here(land, clock=clock)

    found = dict(zip(land.rows()["sequence"].to_pylist(), land.rows()["_ingest_date"].to_pylist(), strict=True))
    assert {number: str(day) for number, day in found.items()} == {0: "2026-01-31", 1: "2026-02-01"}


def test_metrics_and_health_tell_what_happened(land: Landscape) -> None:
    send(land, [*(tick(number) for number in range(100)), b"x"])
    lander = start_lander(land)
    try:
        assert lander.stderr is not None
        port = json.loads(lander.stderr.readline())["metrics_port"]
        _poll(lambda: land.rows().num_rows == 100 and land.quarantined().num_rows == 1)
        _poll(
            lambda: "freshness_seconds_count{topic" in httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60.0).text
        )
        health = httpx.get(f"http://127.0.0.1:{port}/health", timeout=60.0)
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60.0).text
    finally:
        lander.kill()
        lander.communicate()

    name = land.topic.name
    assert health.json() == {"status": "ready"}
    assert f'tidemark_landing_rows_landed_total{{topic="{name}"}} 100.0' in text
    assert f'tidemark_landing_rows_quarantined_total{{reason="unparsable",topic="{name}"}} 1.0' in text
    assert f'tidemark_landing_lag_messages{{partition="0",topic="{name}"}} 0.0' in text
    assert f'tidemark_landing_freshness_seconds_count{{topic="{name}"}} 101.0' in text


def test_the_quarantine_table_is_its_contract(land: Landscape) -> None:
    send(land, [b"x"])
    land_here(land)

    assert land.quarantined().schema.names == list(QUARANTINE.column_names)
    assert land.quarantined().schema.types == arrow.schema(QUARANTINE).types


def _cut(land: Landscape, *, before: int) -> None:
    admin = AdminClient(kafka.client_config(land.settings.kafka, "test"))
    where = TopicPartition(land.topic.name, 0, before)
    admin.delete_records([where])[where].result(timeout=PATIENCE_S)


def _first_to_end(landers: "list[subprocess.Popen[str]]") -> "subprocess.Popen[str]":
    _poll(lambda: any(lander.poll() is not None for lander in landers))
    return next(lander for lander in landers if lander.poll() is not None)


def _poll(condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    clock = SystemClock()
    deadline = clock.monotonic() + timeout_s
    while not condition():
        assert clock.monotonic() < deadline, "it did not happen in time"
        clock.sleep(0.05)
