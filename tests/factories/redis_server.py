"""A real Redis of its own for tests: empty, on a free loopback port, gone afterwards."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from lakehouse.clock import SystemClock
from lakehouse.local.install import debian
from lakehouse.local.install.cache import Cache
from lakehouse.settings import RedisSettings, StackSettings, cache_dir
from lakehouse.stores import redis as store
from tests.factories import real_engines
from tests.factories.ports import free_port

START_TIMEOUT_S = 120.0
CLOCK = SystemClock()


class RedisServer:
    """One server in memory on one port, the same at each start."""

    def __init__(self, home: Path, port: int | None = None) -> None:
        self.settings = RedisSettings(port=port or free_port())
        self._home = home
        try:
            debian.fetch(Cache(cache_dir(StackSettings())), home / "fetch.log")
            self._program = debian.redis_server(Cache(cache_dir(StackSettings())))
        except debian.DebianUnavailableError as error:
            pytest.skip(f"no Redis on this machine: {error}")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when it answers."""
        options = ("--port", str(self.settings.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        with (self._home / "server.log").open("ab") as log:
            self._process = subprocess.Popen((str(self._program), *options), stdout=log, stderr=log, cwd=self._home)
        _until_ready(self.settings, self._process)

    def kill(self) -> None:
        """SIGKILL: nothing of it is left."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(START_TIMEOUT_S)

    def stop(self) -> None:
        """End it in order."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(START_TIMEOUT_S)


@contextmanager
def restartable_redis(port: int | None = None) -> Iterator[RedisServer]:
    """The engine that `tidemark up` runs, in memory. Skips the test where this machine cannot have it."""
    home = Path(tempfile.mkdtemp(prefix="tidemark-redis-"))
    try:
        server = RedisServer(home, port)
        try:
            server.start()
            real_engines.record("redis of a test", f"redis://127.0.0.1:{server.settings.port}")
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def redis_server(port: int | None = None) -> Iterator[RedisSettings]:
    """The same for tests that leave it running: its settings."""
    with restartable_redis(port) as server:
        yield server.settings


def _until_ready(section: RedisSettings, process: "subprocess.Popen[bytes]") -> None:
    deadline = CLOCK.monotonic() + START_TIMEOUT_S
    while True:
        try:
            store.connect(section).ping()
            return
        except redis.ConnectionError:
            if process.poll() is not None or CLOCK.monotonic() > deadline:
                raise
            CLOCK.sleep(0.1)
