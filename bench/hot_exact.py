"""The proof that the hot process loses and doubles nothing: `python -m bench.hot_exact --kills 30`.

On a stack of its own, the real ticks beside the checkout and a seeded day go through Kafka as fast as the broker takes
them, against a book of rules and standing orders, while the hot process, the broker, PostgreSQL and Redis are killed in
turn at seeded moments; their supervisor starts them again. Then everything is recomputed from bronze and compared. It
tells what it does, ends with 0 where all is exact, and leaves nothing behind.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from itertools import chain, cycle, islice
from threading import Event, Timer
from typing import Final, LiteralString

import numpy as np
import pyarrow.parquet as pq
from rich.console import Console

from bench import hot_exact_book, hot_exact_ticks
from bench.harness import machine, scratch_stack
from bench.hot_exact_ticks import PIECE, Piece, pieces_of
from bench.ingest import FILES, MARKET
from bench.kills import kill, until_back
from lakehouse.clock import Clock, SystemClock, epoch_us
from lakehouse.contracts.topics import TICKS
from lakehouse.errors import TidemarkError
from lakehouse.local import stack as local_stack
from lakehouse.local.progress import Progress
from lakehouse.local.stack import Stack
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.trading.sessions import session_days
from streaming.feed.producer import Acknowledged, Sender
from streaming.feed.settle import await_landed
from streaming.hot import verify_report, verifying
from streaming.hot.journal import cuts_of
from streaming.hot.verify import Origin

ENGINES: Final = ("landing", "redis", "outbox")
KILLED: Final = ("hot", "kafka", "postgres", "redis")
EARLY_S, LATE_S = 0.2, 3.0
PATIENCE_S: Final = 600.0
POLL_S: Final = 0.5
NEWEST: Final[LiteralString] = """
    SELECT j.cuts, j.batches FROM hot.journal AS j WHERE j.batches > 0 ORDER BY j.number DESC LIMIT 1
"""
# An event of each alert and fill, once: what the relay sends twice has the same id.
TOLD: Final[LiteralString] = """
    SELECT (SELECT count(*) FROM alerting.alert), (SELECT count(*) FROM trading.fill),
           count(*) FILTER (WHERE o.topic = 'risk.alerts' AND o.type = 'alert.triggered'),
           count(DISTINCT o.payload ->> 'id') FILTER (WHERE o.topic = 'risk.alerts' AND o.type = 'alert.triggered'),
           count(*) FILTER (WHERE o.topic = 'trade.fills'),
           count(DISTINCT o.payload ->> 'fill_id') FILTER (WHERE o.topic = 'trade.fills')
    FROM ops.outbox AS o
"""


class NotPlayedError(TidemarkError):
    """The hot process does not come to the end of the topic."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 where all is exact."""
    options = _parse(arguments)
    console, clock = Console(), SystemClock()
    with scratch_stack(ENGINES, console) as settings:
        return _Proof(settings, options.seed, console, clock).run(options.kills, options.ticks)


class _Proof:
    def __init__(self, settings: Settings, seed: int, console: Console, clock: Clock) -> None:
        self._settings, self._seed, self._console, self._clock = settings, seed, console, clock
        self._random = np.random.default_rng(seed)

    def run(self, kills: int, count: int) -> int:
        """Book, ticks and kills, verdict."""
        day = _session_before(self._clock.now().date())
        filled = hot_exact_book.fill(self._settings, seed=self._seed, day=day)
        self._say(f"{machine()}; seed {self._seed}, a day of {day}; {json.dumps(asdict(filled))}")
        with Progress(self._console, self._clock) as progress:
            stack = local_stack.up(("hot",), progress, self._clock, home=self._settings.home)
        began = self._clock.monotonic()
        sent = self._send(stack, kills, count, day)
        sent_s = self._clock.monotonic() - began
        self._await_played(sent)
        played_s = self._clock.monotonic() - began
        self._say(
            f"sent {sent.total:,} messages in {sent_s:.0f} s with {kills} kills, all played after {played_s:.0f} s"
        )
        landed = await_landed(self._settings.s3, {TICKS.name: sent}, clock=self._clock, patience_s=PATIENCE_S)
        self._say(f"bronze has {landed.landed:,} of them, quarantine {landed.quarantined:,}")
        return self._verdict(is_landed=landed.adds_up)

    def _send(self, stack: Stack, kills: int, count: int, day: date) -> Acknowledged:
        """Everything, in bursts; something is killed at a random moment of each but the last."""
        sender = Sender(self._settings.kafka, client_id="bench-exact", clock=self._clock)
        sender.connect()
        path = MARKET / FILES["ticks"]
        if not path.is_file():
            self._say(f"without real ticks: {path.name} is not on this machine, see bench/README.md")
        rows = count + (pq.read_metadata(path).num_rows if path.is_file() else 0)
        real = hot_exact_ticks.real(path, self._clock) if path.is_file() else ()
        first_us = epoch_us(datetime.combine(day, time(), UTC))
        pieces = chain(real, hot_exact_ticks.day(count, seed=self._seed, first_us=first_us))
        burst = pieces_of(rows) // (kills + 1)
        for name in islice(cycle(KILLED), kills):
            self._strike(stack, name, islice(pieces, burst), sender)
        for piece in pieces:
            sender.send(TICKS.name, piece.keys, piece.values)
        return sender.finish(timeout_s=PATIENCE_S)[TICKS.name]

    def _strike(self, stack: Stack, name: str, pieces: Iterable[Piece], sender: Sender) -> None:
        killed: list[int] = []
        after_s = float(self._random.uniform(EARLY_S, LATE_S))
        timer = Timer(after_s, lambda: killed.append(kill(stack, name, self._clock)))
        timer.start()
        for piece in pieces:
            sender.send(TICKS.name, piece.keys, piece.values)
        timer.join()
        began = self._clock.monotonic()
        until_back(stack, name, killed[0], self._clock)
        self._say(
            f"{name} {killed[0]} killed {after_s:.1f} s into a burst, back {self._clock.monotonic() - began:.1f} s on"
        )

    def _await_played(self, sent: Acknowledged) -> None:
        """Until the journal has come to the last of them. Raises NotPlayedError where it stands still."""
        moved, before = self._clock.monotonic(), 0
        while True:
            ends = self._journalled()
            played = sum(min(ends.get(number, 0), last + 1) for number, last in sent.last_offsets.items())
            if all(ends.get(number, 0) > last for number, last in sent.last_offsets.items()):
                return
            if played > before:
                moved, before = self._clock.monotonic(), played
            if self._clock.monotonic() - moved > PATIENCE_S:
                raise NotPlayedError(f"the journal stands at {ends}, the topic at {sent.last_offsets}")
            self._clock.sleep(POLL_S)

    def _journalled(self) -> dict[int, int]:
        with postgres.connect(self._settings.postgres) as connection:
            found = connection.execute(NEWEST).fetchone()
        return {} if found is None else dict(enumerate(cuts_of(*found)[-1].ends))

    def _verdict(self, *, is_landed: bool) -> int:
        began = self._clock.monotonic()
        with asyncio.Runner() as runner:
            found = verifying.recompute(self._settings, runner, Event(), clock=self._clock, wait_s=PATIENCE_S)
        for line in verify_report.lines(found, Origin.BRONZE):
            self._say(line)
        self._say(f"compared in {self._clock.monotonic() - began:.0f} s")
        with postgres.connect(self._settings.postgres) as connection:
            told = connection.execute(TOLD).fetchone()
        alerts, fills, *events = told or (0, 0)
        self._say(f"{alerts:,} alerts, {fills:,} fills; events and distinct ones of them: {events}")
        is_told = events == [alerts, alerts, fills, fills]
        return 0 if found.is_exact and found.is_whole and is_landed and is_told else 1

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, soft_wrap=True)


def _session_before(today: date) -> date:
    """The last whole day on which the exchange was open, so that orders are filled."""
    days = session_days("XNAS", today.year - 1) + session_days("XNAS", today.year)
    return max(each for each in days if each < today)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.hot_exact", description=__doc__)
    parser.add_argument("--kills", type=int, default=30, help="how many processes are killed, in turn")
    parser.add_argument("--ticks", type=int, default=5_000_000, help=f"of the seeded day; at least {PIECE:,}")
    parser.add_argument(
        "--seed", type=int, default=20261121, help="of the day, the orders and the moments of the kills"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
