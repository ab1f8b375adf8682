"""Real ticks from files, at the speed at which they happened or faster."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path

from lakehouse.clock import Clock, epoch_us
from streaming.feed.ingest import Reading, open_all
from streaming.feed.layout import Kind
from streaming.feed.port import Batch
from streaming.feed.providers.paced import Paced, Part
from streaming.feed.rows import Judge, Rules
from streaming.kit.remote import Sleep


class Replay(Paced):
    """Files of ticks as `tidemark ingest` reads them, one after the other; a bad row is a reject with FILE:ROW.

    The rows of a file must be ordered by time: one that lies back is handed on at once, with its own time.
    """

    def __init__(
        self, files: Sequence[Path], *, provider: str, speed: float | None, clock: Clock, sleep: Sleep
    ) -> None:
        """Opens the files. Raises FileError or LayoutError where one is missing or has no ticks."""
        super().__init__(provider, speed=speed, clock=clock, sleep=sleep)
        self._rules = Rules(provider=provider)
        self._files = tuple(files)
        self._reading = Reading(kind=Kind.TICKS, rules=self._rules)
        self._opened = open_all(self._files, self._reading)

    def quotes(self) -> AsyncGenerator[Batch, None]:
        """Every row, from the first file's first to the last file's last."""
        return self.play(self._parts())

    def _parts(self) -> Iterator[Part]:
        opened, self._opened = self._opened or open_all(self._files, self._reading), []
        for found in opened:
            judge = Judge(found.source, found.layout, self._rules)
            for batch in found.source.batches():
                judged = judge.judge(batch, now_us=epoch_us(self._clock.now()))
                yield judged.rows, judged.rejects
