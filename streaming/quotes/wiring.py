"""The quotes' process from the settings: the one place that knows which engines stand behind it."""

import uuid

from confluent_kafka import Consumer

from lakehouse.clock import Clock
from lakehouse.contracts.model import Topic
from lakehouse.settings import Settings
from lakehouse.stores import kafka
from streaming.kit.source import Source
from streaming.quotes.metrics import QuotesMetrics
from streaming.quotes.pipeline import Ends, Quotes
from streaming.quotes.sinks import Announcer

GROUP = "tidemark-quotes"


def build(settings: Settings, topic: Topic, *, clock: Clock, metrics: QuotesMetrics) -> tuple[Quotes, Ends]:
    """The process's loop and its ends, which the caller closes."""
    client_id = f"quotes-{uuid.uuid4().hex[:8]}"
    config = kafka.consumer_config(settings.kafka, client_id, GROUP)
    source = Source(Consumer(config), topic.name, clock=clock, metrics=metrics)
    ends = Ends(source, Announcer(settings, clock=clock, metrics=metrics))
    return Quotes(topic, ends, settings, clock=clock, metrics=metrics), ends
