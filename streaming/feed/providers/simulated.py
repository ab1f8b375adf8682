"""Simulated ticks as a provider: the seeded bridges of `streaming.feed.simulated`, moved to start now."""

from collections.abc import AsyncGenerator, Iterator

import numpy as np
import pyarrow as pa

from lakehouse.clock import Clock, epoch_us
from streaming.feed.port import Batch
from streaming.feed.providers.paced import Paced, Part
from streaming.feed.simulated import PROVIDER, simulate
from streaming.feed.sp500 import daily_closes
from streaming.kit.remote import Sleep


class Simulated(Paced):
    """Days of ticks of the 20 demo symbols, back to back: a night takes no time.

    Their times are compressed by `speed` and start now, so that a tick is made at its own time. Without a speed they
    come at once and keep the times of their trading days: else they would lie in the future.
    """

    def __init__(
        self, *, days: int, ticks_per_day: int, seed: int, speed: float | None, clock: Clock, sleep: Sleep
    ) -> None:
        """The prices depend on days, ticks and seed alone."""
        super().__init__(PROVIDER, speed=None if speed is None else 1.0, clock=clock, sleep=sleep)
        self._days = days
        self._ticks = ticks_per_day
        self._seed = seed
        self._compressed = speed

    def quotes(self) -> AsyncGenerator[Batch, None]:
        """Every simulated tick. Raises SimulationError where there are not so many days."""
        return self.play(self._parts())

    def _parts(self) -> Iterator[Part]:
        starts_us = epoch_us(self._clock.now())
        for day in simulate(daily_closes(), days=self._days, ticks_per_day=self._ticks, seed=self._seed):
            if self._compressed is None:
                yield day, ()
                continue
            times = day.column("event_time_us").to_numpy()
            moved = starts_us + ((times - times[0]) / self._compressed).astype(np.int64)
            place = day.schema.get_field_index("event_time_us")
            yield day.set_column(place, day.schema.field(place), pa.array(moved)), ()
            starts_us = int(moved[-1]) + 1
