"""A relay from the settings: the one place that knows which engines stand behind it."""

from lakehouse.clock import Clock
from lakehouse.contracts.topics import TOPICS
from lakehouse.settings import Settings
from streaming.outbox.metrics import OutboxMetrics
from streaming.outbox.relay import Ends, Relay
from streaming.outbox.sinks import KafkaSink
from streaming.outbox.source import Source

PRODUCER = "streaming.outbox"


def relayed_topics() -> tuple[str, ...]:
    """The topics whose contracts name the relay as a producer; events for others wait, and are counted."""
    return tuple(name for name, topic in TOPICS.items() if PRODUCER in topic.producers)


def build(settings: Settings, *, clock: Clock, metrics: OutboxMetrics) -> tuple[Relay, Ends]:
    """A relay and its ends, which the caller closes. Connects to nothing yet."""
    ends = Ends(Source(settings.postgres, relayed_topics(), clock=clock), KafkaSink(settings.kafka, clock=clock))
    return Relay(ends, settings.outbox, clock=clock, metrics=metrics), ends
