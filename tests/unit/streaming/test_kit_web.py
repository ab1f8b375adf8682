"""Requests end: a server that answers byte by byte, each in time, is left."""

import asyncio

import pytest

from lakehouse.clock import SystemClock
from streaming.kit import web as subject
from streaming.kit.remote import Disconnected, Unreached


def test_an_answer_that_never_ends_is_a_connection_that_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        try:
            for _ in range(1000):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            pass
        writer.close()

    async def ask() -> None:
        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        one = subject.web("one", f"http://127.0.0.1:{port}", (), clock=SystemClock(), sleep=asyncio.sleep)
        monkeypatch.setattr(subject, "TIMEOUT_S", 0.1)  # of the whole request: its client waits for a byte as usual
        try:
            await one.get("/", {})
        finally:
            await one.client.aclose()
            server.close()

    with pytest.raises(Disconnected, match="TimeoutError") as caught:
        asyncio.run(ask())
    assert not isinstance(caught.value, Unreached), "the request was sent"
