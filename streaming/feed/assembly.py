"""A feed put together: providers as one line, the pump, its check of plausibility and the way to Kafka."""

import asyncio
import signal
from dataclasses import dataclass

from lakehouse.clock import Clock
from lakehouse.settings import Settings
from streaming.feed.line import Line
from streaming.feed.live import Pump
from streaming.feed.outlet import Outlet
from streaming.feed.policy.plausibility import Guard
from streaming.feed.producer import Sender
from streaming.feed.wiring import Wanted, guard, line, max_future_s, providers

_CLIENT = "tidemark-feed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """The parts of one run."""

    line: Line
    outlet: Outlet
    guard: Guard | None

    async def run(self, *, seconds: float = 0.0) -> None:
        """Send until the ticks end, SIGINT or SIGTERM comes, or `seconds` are over, where they are not 0.

        All that was read is acknowledged by then. Raises what Line.quotes and Pump.run raise.
        """
        pump = Pump(self.outlet, guard=self.guard, opinion=self.line.opinion)
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, pump.stop)
        if seconds:
            loop.call_later(seconds, pump.stop)
        await pump.run(self.line.quotes())


def assembled(settings: Settings, wanted: Wanted, *, clock: Clock) -> Feed:
    """The feed of the wanted providers, connected to the broker. Raises ProviderNameError and DeliveryError."""
    made = providers(settings, wanted, clock=clock, sleep=asyncio.sleep)
    sender = Sender(settings.kafka, client_id=_CLIENT, clock=clock)
    sender.connect()
    return Feed(
        line=line(made, settings, clock=clock, sleep=asyncio.sleep),
        outlet=Outlet(sender, clock=clock, max_future_s=max_future_s(made, settings)),
        guard=guard(made),
    )
