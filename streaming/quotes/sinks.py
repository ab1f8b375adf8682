"""Who is told after a commit: the quote bus, and the topic of enriched quotes."""

import asyncio
from collections.abc import Sequence

import structlog
from confluent_kafka import KafkaError, Producer

from lakehouse.clock import Clock
from lakehouse.contracts.topics.quotes import ENRICHED
from lakehouse.domain.quote import LatestQuote
from lakehouse.settings import Settings
from lakehouse.stores import kafka, quote_bus, redis
from streaming.quotes.enriched import message_of
from streaming.quotes.metrics import QuotesMetrics

FLUSH_S = 5.0
REST_S = 1.0
BUS_ROWS = 500

log = structlog.get_logger(__name__)


class Announcer:
    """Tells the newest quotes of a commit. What it cannot tell is no loss: hubs ask PostgreSQL too, and the next start
    tells everything again. Owned by one thread."""

    def __init__(self, settings: Settings, *, clock: Clock, metrics: QuotesMetrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._runner = asyncio.Runner()
        self._redis = redis.connect_async(settings.redis, retries=0)
        self._producer = Producer(kafka.producer_config(settings.kafka, "tidemark-quotes"))
        self._rests_until_s = float("-inf")

    def tell(self, accepted: Sequence[LatestQuote]) -> None:
        """Blocking for as long as Redis takes; Kafka is told in the background, in order and once a message."""
        self._publish(accepted)
        for row in accepted:
            self._produce(row)
        self._producer.poll(0)

    def close(self) -> None:
        """Wait a little for what Kafka has not acknowledged, and hang up."""
        self._producer.flush(FLUSH_S)
        self._runner.run(self._redis.aclose())
        self._runner.close()

    def _publish(self, accepted: Sequence[LatestQuote]) -> None:
        """In pieces, so that no call holds Redis for long. After a failure, which may have taken a timeout, rest."""
        for first in range(0, len(accepted), BUS_ROWS):
            if self._clock.monotonic() < self._rests_until_s:
                return
            if not self._runner.run(quote_bus.publish(self._redis, accepted[first : first + BUS_ROWS])):
                self._metrics.unheard.inc()
                self._rests_until_s = self._clock.monotonic() + REST_S

    def _produce(self, row: LatestQuote) -> None:
        key, value = row.symbol.encode(), message_of(row)
        while True:
            try:
                self._producer.produce(ENRICHED.name, key=key, value=value, on_delivery=self._delivered)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _delivered(self, error: KafkaError | None, _: object) -> None:
        if error is None:
            self._metrics.enriched.inc()
        else:
            self._metrics.unsent.inc()
            log.warning("enriched_quote_not_sent", error=str(error))
