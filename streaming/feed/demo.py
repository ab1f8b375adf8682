"""The demo's input: every real daily close and some days of simulated ticks, sent message by message."""

from collections.abc import Callable
from dataclasses import dataclass

from lakehouse.clock import Clock
from lakehouse.contracts.topics import BARS_DAILY, TICKS
from lakehouse.settings import KafkaSettings
from streaming.feed.encode import encode, keys
from streaming.feed.producer import Acknowledged, Sender
from streaming.feed.simulated import simulate
from streaming.feed.sp500 import daily_closes

SEED = 20221228
_SLICE = 20_000


@dataclass(frozen=True, slots=True)
class DemoInput:
    """How many of the last trading days get ticks, how many a symbol and day, and from which seed."""

    days: int = 2
    ticks: int = 500
    seed: int = SEED
    rate_per_s: float | None = None


def send_demo(
    section: KafkaSettings, wanted: DemoInput, *, clock: Clock, on_sent: Callable[[int], None] | None = None
) -> dict[str, Acknowledged]:
    """Send all daily closes, then the ticks by time, and wait until the broker holds them. Raises DeliveryError.

    `on_sent` is called with the number of messages queued so far. What is sent depends on `wanted` alone, so a
    second run sends the same bytes again, and silver keeps one row for each key.
    """
    sender = Sender(section, client_id="tidemark-feed-demo", clock=clock, rate_per_s=wanted.rate_per_s)
    sender.connect()
    closes = daily_closes()
    batches = [(BARS_DAILY, closes.slice(start, _SLICE)) for start in range(0, closes.num_rows, _SLICE)]
    if wanted.days:
        ticks = simulate(closes, days=wanted.days, ticks_per_day=wanted.ticks, seed=wanted.seed)
        batches += [(TICKS, day) for day in ticks]
    sent = 0
    for topic, rows in batches:
        sent += sender.send(topic.name, keys(topic, rows), encode(topic, rows))
        if on_sent is not None:
            on_sent(sent)
    return sender.finish()
