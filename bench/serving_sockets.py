"""How late quotes reach the readers of sockets: 200 sockets that follow 20 symbols, each of which ticks ten times a
second.

Ticks are written as the feed writes them (PostgreSQL, then the bus) by this process; a third one reads the sockets on
another core than the API's. Times count from the instant that a tick bears, before it is written.
"""

import asyncio
import json
from contextlib import suppress
from dataclasses import asdict
from decimal import Decimal
from subprocess import PIPE
from typing import Final

from bench import api
from bench.harness import Result
from bench.socket_load import READY, Seen, Sockets
from lakehouse.clock import SystemClock
from lakehouse.settings import Settings, project_root

SOCKETS: Final = 200
TICKS_PER_S: Final = 10
SECONDS: Final = 8.0
OPENING_S: Final = 60.0
GOAL_P99_MS: Final = 50.0
CENT: Final = Decimal("0.01")
CLOCK: Final = SystemClock()


def measure(settings: Settings, served: api.Served) -> list[Result]:
    """The time from tick to client. Raises AssertionError where a reader missed a quote without being told."""
    before = served.cpu_s()
    seen, seconds = asyncio.run(_run(settings, served))
    used = (served.cpu_s() - before) / seconds
    if seen.gaps or not seen.quotes:
        raise AssertionError(f"sockets: {seen.gaps} gaps in {seen.quotes} quotes")
    notes = (
        f"{SOCKETS} sockets, {len(api.SYMBOLS)} symbols, {TICKS_PER_S} ticks a second each; "
        f"{seen.quotes / SECONDS:.0f} quotes/s in {seen.messages / SECONDS:.0f} messages/s, "
        f"{seen.dropped} passed over, no gaps; {used:.0%} of the API's core; p50 {seen.p50_ms:.1f}, "
        f"worst {seen.worst_ms:.1f}"
    )
    return [
        Result(
            "api_sockets_p99",
            "ms, tick to client",
            seen.p99_ms,
            {"p50": seen.p50_ms},
            goal=GOAL_P99_MS,
            lower_is_better=True,
            notes=notes,
        )
    ]


async def _run(settings: Settings, served: api.Served) -> tuple[Seen, float]:
    """What the readers saw, and for how long they read."""
    wanted = Sockets(served.port, [user.token for user in served.users], SOCKETS, list(api.SYMBOLS), SECONDS)
    process = await asyncio.create_subprocess_exec(
        *api.beside("bench.socket_load"), stdin=PIPE, stdout=PIPE, cwd=project_root()
    )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("the readers have no pipes")
    try:
        process.stdin.write(json.dumps(asdict(wanted)).encode())
        process.stdin.close()
        async with asyncio.timeout(OPENING_S):
            said = await process.stdout.readline()
        if said.decode().strip() != READY:
            raise AssertionError(f"the readers said {said!r}")
        began = CLOCK.monotonic()
        ticking = asyncio.create_task(_tick(settings))
        try:
            text = await process.stdout.read()
        finally:
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking
        return Seen(**json.loads(text)), CLOCK.monotonic() - began
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
        await process.wait()


async def _tick(settings: Settings) -> None:
    """Quotes of all symbols at a constant rate, whatever the API does, until canceled."""
    async with api.writer(settings) as write:
        began = CLOCK.monotonic()
        number = 0
        while True:
            number += 1
            await asyncio.sleep(max(0.0, began + number / TICKS_PER_S - CLOCK.monotonic()))
            await write(api.ticks(CLOCK.now(), 100 + number % 100 * CENT))
