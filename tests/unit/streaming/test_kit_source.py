"""A broker that is away: told at the start, waited for afterwards."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer
from structlog.testing import capture_logs

from lakehouse.clock import ManualClock
from lakehouse.settings import KafkaSettings
from lakehouse.stores import kafka
from streaming.kit import source as source_module
from streaming.kit.source import BrokerAwayError, Source
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
