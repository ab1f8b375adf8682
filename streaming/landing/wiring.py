"""A lander from the settings: the one place that knows which engines stand behind it."""

import uuid

from confluent_kafka import Consumer

from lakehouse.clock import Clock
from lakehouse.contracts.model import Topic
from lakehouse.settings import Settings
from lakehouse.stores import kafka
from streaming.kit.source import Source
from streaming.landing.metrics import LandingMetrics
from streaming.landing.pipeline import Lander
from streaming.landing.sinks import DeltaSink

GROUP = "tidemark-landing"


def build(settings: Settings, topic: Topic, *, clock: Clock, metrics: LandingMetrics) -> tuple[Lander, Source]:
    """A lander of the topic and its source, which the caller closes. Creates bucket and tables where missing."""
    client_id = f"landing-{topic.name}-{uuid.uuid4().hex[:8]}"
    consumer = Consumer(kafka.consumer_config(settings.kafka, client_id, GROUP))
    source = Source(consumer, topic.name, clock=clock, metrics=metrics)
    sink = DeltaSink(settings.s3, topic, clock=clock)
    lander = Lander(topic, source=source, sink=sink, settings=settings.landing, clock=clock, metrics=metrics)
    return lander, source
