"""A client of /ws/quotes for tests: every frame it gets is checked against /asyncapi.json and against its seq chain."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jsonschema import Draft202012Validator
from websockets.sync.client import ClientConnection, connect

from lakehouse.clock import SystemClock
from serving.sockets.asyncapi import build

CLOCK = SystemClock()
TIMEOUT_S = 120.0
_DOCUMENT = build("test")
_NAMES = [each["$ref"].rsplit("/", 1)[-1] for each in _DOCUMENT["operations"]["pushQuotes"]["messages"]]
VALIDATOR = Draft202012Validator(
    {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in _NAMES], "components": _DOCUMENT["components"]}
)

Frame = dict[str, Any]


class SocketClient:
    """Frames of one connection, batches taken apart; `quotes` is the state that they add up to."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.seqs: dict[tuple[str, str | None], int] = {}
        self.quotes: dict[str, Frame] = {}
        self.heartbeats = 0
        self._waiting: list[Frame] = []

    def say(self, **command: object) -> None:
        """Send a command."""
        self.connection.send(json.dumps(command))

    def next(self, timeout_s: float = TIMEOUT_S) -> Frame:
        """The next frame that is no heartbeat. Raises TimeoutError, and ConnectionClosed where the server ended it."""
        deadline = CLOCK.monotonic() + timeout_s
        while True:
            while not self._waiting:
                message = json.loads(self.connection.recv(timeout=max(0.0, deadline - CLOCK.monotonic())))
                VALIDATOR.validate(message)
                self._waiting = message["frames"] if message["type"] == "batch" else [message]
            frame = self._waiting.pop(0)
            if frame["type"] == "heartbeat":
                self.heartbeats += 1
                continue
            self._follow(frame)
            return frame

    def until(self, kind: str, **members: object) -> Frame:
        """The next frame of a type with these members; others are passed over."""
        while True:
            frame = self.next()
            if frame["type"] == kind and all(frame.get(name) == value for name, value in members.items()):
                return frame

    def silence(self) -> None:
        """The next heartbeat, which comes where there is nothing else to tell. AssertionError where there is."""
        message = json.loads(self.connection.recv(timeout=TIMEOUT_S))
        assert (message["type"], self._waiting) == ("heartbeat", []), message
        self.heartbeats += 1

    def _follow(self, frame: Frame) -> None:
        if "seq" not in frame:
            return
        place = (frame["channel"], frame["symbol"] if frame["channel"] == "quotes" else None)
        if frame["type"] == "update":
            assert frame["prev_seq"] == self.seqs[place], "a gap that nobody spoke of"
            assert frame["seq"] > frame["prev_seq"]
            if frame["channel"] == "quotes":
                assert frame["dropped"] == frame["seq"] - frame["prev_seq"] - 1
        self.seqs[place] = frame["seq"]
        if frame["channel"] == "quotes":
            self.quotes[frame["symbol"]] = frame["data"]


@contextmanager
def socket_client(
    url: str, headers: dict[str, str] | None = None, *, path: str = "/ws/quotes", **options: Any
) -> Iterator[SocketClient]:
    """Open a socket of the API at `url`, and close it."""
    address = url.replace("http://", "ws://") + path
    with connect(address, additional_headers=headers, open_timeout=TIMEOUT_S, close_timeout=2, **options) as connection:
        yield SocketClient(connection)
