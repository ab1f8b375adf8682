"""Load on an HTTP server from a process of its own: as fast as it answers, or at a constant arrival rate.

At a constant rate a request's time counts from when it was due, not from when a connection was free: a server that
stalls makes every request late that was due meanwhile, as it would be for users.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import count, cycle
from typing import Final

import numpy as np

from lakehouse.clock import SystemClock

CLOCK: Final = SystemClock()
COUNTER: Final = b"{n}"
TIMEOUT_S: Final = 30.0


One = Callable[["_Client", float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Load:
    """What to send, one after the other and again. `{n}` is replaced by a number of its own for each; `rate` None: as
    fast as can be.

    A request is a whole HTTP/1.1 message. `{n}` is padded, so that its Content-Length holds.
    """

    port: int
    requests: list[str]
    seconds: float
    connections: int = 16
    rate: float | None = None
    expected: int = 200


@dataclass(frozen=True, slots=True)
class Measured:
    """What came back: answers a second, times in milliseconds, and answers of another status or none at all."""

    per_second: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    answers: int
    errors: int


class _Client(asyncio.Protocol):
    """One kept connection, one request at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiting: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(0)
        self._transport = None

    async def ask(self, message: bytes) -> int:
        """Send and return the status; 0 where the connection broke."""
        if self._transport is None:
            return 0
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        return await self._waiting

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0 or self._waiting is None:
            return
        lower = bytes(self._buffer[:head]).lower()
        start = lower.find(b"content-length:")
        length = int(lower[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
        if len(self._buffer) < head + 4 + length:
            return
        status = int(self._buffer[9:12])
        del self._buffer[: head + 4 + length]
        if not self._waiting.done():
            self._waiting.set_result(status)


def messages(templates: list[str], first: int) -> Iterator[bytes]:
    """The requests in turn, each with a number of its own, of equal length."""
    for number, template in zip(count(first), cycle(template.encode() for template in templates)):
        yield template.replace(COUNTER, b"%012d" % number)


async def run(load: Load, first: int = 0) -> Measured:
    """Send for `load.seconds` and measure. Raises OSError where nobody listens."""
    loop = asyncio.get_running_loop()
    clients = [(await loop.create_connection(_Client, "127.0.0.1", load.port))[1] for _ in range(load.connections)]
    source = messages(load.requests, first)
    times: list[float] = []
    statuses: list[int] = []
    began = CLOCK.monotonic()

    async def one(client: _Client, due: float) -> None:
        status = await asyncio.wait_for(client.ask(next(source)), TIMEOUT_S)
        times.append(CLOCK.monotonic() - due)
        statuses.append(status)

    if load.rate is None:
        await asyncio.gather(*(_flat_out(one, client, began + load.seconds) for client in clients))
    else:
        await _paced(one, clients, began, load.rate, load.seconds)
    taken = CLOCK.monotonic() - began
    good = sum(status == load.expected for status in statuses)
    p50, p99, worst = (float(found) * 1000 for found in np.percentile(times, [50, 99, 100]))
    return Measured(good / taken, p50, p99, worst, len(statuses), len(statuses) - good)


async def _flat_out(one: One, client: _Client, until: float) -> None:
    while CLOCK.monotonic() < until:
        await one(client, CLOCK.monotonic())


async def _paced(one: One, clients: list[_Client], began: float, rate: float, seconds: float) -> None:
    """Requests become due on time whatever the server does; a free connection takes the one that is due longest."""
    due: asyncio.Queue[float | None] = asyncio.Queue()

    async def work(client: _Client) -> None:
        while (at := await due.get()) is not None:
            await one(client, at)

    workers = [asyncio.create_task(work(client)) for client in clients]
    for number in range(int(rate * seconds)):
        at = began + number / rate
        wait = at - CLOCK.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        due.put_nowait(at)
    for _ in workers:
        due.put_nowait(None)
    await asyncio.gather(*workers)


def main() -> int:
    """`python -m bench.http_load`: a Load as JSON on standard input, a Measured as JSON on standard output."""
    given = json.load(sys.stdin)
    first = int(given.pop("first", 0))
    sys.stdout.write(json.dumps(asdict(asyncio.run(run(Load(**given), first)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
