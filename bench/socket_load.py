"""Readers of the quote socket in a process of their own: how long after its tick each quote arrives.

`python -m bench.socket_load`: what to open as JSON on standard input, what was seen as JSON on standard output.
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

import numpy as np
import orjson
import uvloop
from websockets.asyncio.client import ClientConnection, connect

from lakehouse.clock import SystemClock

CLOCK: Final = SystemClock()
OPEN_S: Final = 30.0
READY: Final = "ready"


@dataclass(frozen=True, slots=True)
class Sockets:
    """What to open, and for how long to read; the first `warm_s` are not counted."""

    port: int
    tokens: list[str]
    sockets: int
    symbols: list[str]
    seconds: float
    warm_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """Times from tick to client in milliseconds, one a quote and socket; `dropped` were passed over by newer ones."""

    quotes: int
    messages: int
    dropped: int
    gaps: int
    p50_ms: float
    p99_ms: float
    worst_ms: float


class _Reader:
    """One socket: checks the chain of each symbol and notes how late each quote is."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.messages = self.dropped = self.gaps = 0
        self._seqs: dict[str, int] = {}
        self._heard: list[tuple[datetime, bytes, bool]] = []

    def take(self, text: bytes, *, counts: bool) -> None:
        """Keep a message with its time: to look into it now would make those late that wait behind it."""
        self._heard.append((CLOCK.now(), text, counts))

    def judge(self) -> None:
        """Look into what was heard."""
        for now, text, counts in self._heard:
            self._judge(now, text, counts=counts)

    def _judge(self, now: datetime, text: bytes, *, counts: bool) -> None:
        message = orjson.loads(text)
        self.messages += counts
        for frame in message.get("frames", (message,)):
            if frame.get("channel") != "quotes" or "seq" not in frame:
                continue
            if frame["type"] == "update":
                self.gaps += frame["prev_seq"] != self._seqs.get(frame["symbol"])
                if counts:
                    self.dropped += frame["dropped"]
                    self.times.append((now - datetime.fromisoformat(frame["ts_event"])).total_seconds())
            self._seqs[frame["symbol"]] = frame["seq"]


async def run(wanted: Sockets) -> Seen:
    """Open every socket, say READY on standard output, and read."""
    address = f"ws://127.0.0.1:{wanted.port}/ws/quotes"
    opened: list[ClientConnection] = []
    for number in range(wanted.sockets):
        headers = {"Authorization": f"Bearer {wanted.tokens[number % len(wanted.tokens)]}"}
        socket = await connect(address, additional_headers=headers, open_timeout=OPEN_S, compression=None)
        await socket.send(json.dumps({"op": "subscribe", "symbols": wanted.symbols}))
        opened.append(socket)
    readers = [_Reader() for _ in opened]
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    began = CLOCK.monotonic()
    await asyncio.gather(*(_read(*pair, began, wanted) for pair in zip(opened, readers, strict=True)))
    await asyncio.gather(*(socket.close() for socket in opened))
    for reader in readers:
        reader.judge()
    times = np.array([each for reader in readers for each in reader.times]) * 1000
    p50, p99, worst = (float(found) for found in np.percentile(times, [50, 99, 100]))
    counts = [(reader.messages, reader.dropped, reader.gaps) for reader in readers]
    messages, dropped, gaps = (sum(column) for column in zip(*counts, strict=True))
    return Seen(len(times), messages, dropped, gaps, p50, p99, worst)


async def _read(socket: ClientConnection, reader: _Reader, began: float, wanted: Sockets) -> None:
    try:
        async with asyncio.timeout(began + wanted.warm_s + wanted.seconds - CLOCK.monotonic()):
            while True:
                text = await socket.recv(decode=False)
                reader.take(text, counts=CLOCK.monotonic() - began > wanted.warm_s)
    except TimeoutError:
        return


def main() -> int:
    """As the module says."""
    seen = uvloop.run(run(Sockets(**json.load(sys.stdin))))
    sys.stdout.write(json.dumps(asdict(seen)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
