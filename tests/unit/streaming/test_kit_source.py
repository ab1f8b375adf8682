"""A broker that is away: told at the start, waited for afterwards."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException
from structlog.testing import capture_logs

from lakehouse.clock import ManualClock
from lakehouse.settings import KafkaSettings
from lakehouse.stores import kafka
from streaming.kit import source as source_module
from streaming.kit.offsets import Watermarks
from streaming.kit.source import BrokerAwayError, Source, SourceError
from streaming.landing.metrics import LandingMetrics
from tests.factories.ports import free_port


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def away(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    """A source whose broker does not exist."""
    monkeypatch.setattr(source_module, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(source_module, "LOOK_TIMEOUT_S", 0.2)
    section = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}")
    consumer = Consumer(kafka.consumer_config(section, "test", "test"))
    yield Source(consumer, "market.ticks", clock=clock, metrics=LandingMetrics())
    consumer.close()


def test_a_start_without_a_broker_says_so(away: Source) -> None:
    with pytest.raises(BrokerAwayError, match=r"about topic market\.ticks .*is Kafka up\?"):
        away.watermarks(0)


def test_a_broker_that_goes_away_later_is_waited_for(away: Source, clock: ManualClock) -> None:
    away.assign({}, {}, accept_gap=False, whole_topic=True)
    clock.sleep(source_module.LOOK_ROUND_S + 1)
    with capture_logs() as told:
        away.serve(0.1)
    assert {line["event"] for line in told} == {"broker_out_of_reach"}


class Electing(Consumer):
    """A broker that elects the partition's leader while it is asked."""

    refusals = 0

    def get_watermark_offsets(self, *_: object, **__: object) -> tuple[int, int]:
        if self.refusals:
            self.refusals -= 1
            raise KafkaException(KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION))
        return 3, 9


@pytest.mark.parametrize(("refusals", "is_answered"), [(3, True), (1000, False)])
def test_an_election_is_waited_for_but_not_for_ever(clock: ManualClock, refusals: int, is_answered: bool) -> None:
    section = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}")
    consumer = Electing(kafka.consumer_config(section, "test", "test"))
    consumer.refusals = refusals
    source = Source(consumer, "market.ticks", clock=clock, metrics=LandingMetrics())
    if is_answered:
        assert source.watermarks(0) == Watermarks(3, 9)
    else:
        with pytest.raises(SourceError, match="NOT_LEADER"):
            source.watermarks(0)
    consumer.close()
