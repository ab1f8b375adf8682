"""The feed as a process: it sends, tells how its providers do, and ends when it is told to."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.request import urlopen

import pytest

from lakehouse.clock import ManualClock, SystemClock
from lakehouse.settings import Settings, inherited_environment
from lakehouse.stores import postgres
from lakehouse.stores.providers import Status, Told, tell
from tests.factories.ports import free_port

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka", "s3", "postgres", "landing")]

AT = datetime(2022, 12, 28, 14, 30, tzinfo=UTC)


@pytest.fixture
def settings(lake: Settings) -> Iterator[Settings]:
    yield lake
    with postgres.connect(lake.postgres) as connection:
        connection.execute("DELETE FROM market.data_provider WHERE name IN ('test-feed', 'simulated')")


def row(settings: Settings, name: str) -> tuple[object, ...] | None:
    with postgres.connect(settings.postgres) as connection:
        return connection.execute(
            "SELECT status, quotes, last_quote_at FROM market.data_provider WHERE name = %s", (name,)
        ).fetchone()


def test_a_providers_row_follows_its_state_and_its_newest_price_never_goes_back(settings: Settings) -> None:
    clock = ManualClock(AT)

    tell(settings.postgres, [Told("test-feed", Status.UP, AT)], clock=clock)
    assert row(settings, "test-feed") == ("up", 0, AT)

    tell(settings.postgres, [Told("test-feed", Status.DOWN, AT - timedelta(seconds=1))], clock=clock)
    assert row(settings, "test-feed") == ("down", 0, AT)

    tell(settings.postgres, [Told("test-feed", Status.DEGRADED, None)], clock=clock)
    assert row(settings, "test-feed") == ("degraded", 0, AT)


def test_the_process_sends_tells_and_ends_when_it_is_told_to(settings: Settings) -> None:
    port = free_port()
    with _running(port, '["simulated"]') as process:
        _poll(lambda: b'tidemark_feed_sent_ticks_total{provider="simulated"}' in _read(port, "/metrics"))
        _poll(lambda: (row(settings, "simulated") or ("",))[0] == "up")
        assert _read(port, "/health") == b'{"status":"ready"}'
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0


def test_without_a_provider_it_waits_and_is_well(settings: Settings) -> None:
    port = free_port()
    with _running(port, "[]") as process:
        _poll(lambda: _read(port, "/health") == b'{"status":"ready"}')
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0


class _running:
    """The process with the providers of `order`; killed where the test leaves it behind."""

    def __init__(self, port: int, order: str) -> None:
        names = {"TIDEMARK_PROVIDERS__ORDER": order, "TIDEMARK_PROVIDERS__METRICS_PORT": str(port)}
        self._environment = {**inherited_environment(), **names}

    def __enter__(self) -> "subprocess.Popen[bytes]":
        command = (sys.executable, "-m", "streaming.feed", "run")
        self.process = subprocess.Popen(command, env=self._environment, stderr=subprocess.DEVNULL)
        return self.process

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()


def _read(port: int, path: str) -> bytes:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            body: bytes = answer.read()
            return body
    except OSError:
        return b""


def _poll(condition: Callable[[], bool], timeout_s: float = 180.0) -> None:
    clock = SystemClock()
    deadline = clock.monotonic() + timeout_s
    while not condition():
        assert clock.monotonic() < deadline
        clock.sleep(0.1)
