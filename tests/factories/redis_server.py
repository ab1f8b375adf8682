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

START_TIMEOUT_S = 30.0
CLOCK = SystemClock()


@contextmanager
def redis_server(port: int | None = None) -> Iterator[RedisSettings]:
    """The engine that `tidemark up` runs, in memory. Skips the test where this machine cannot have it."""
    home = Path(tempfile.mkdtemp(prefix="tidemark-redis-"))
    section = RedisSettings(port=port or free_port())
    try:
        debian.fetch(Cache(cache_dir(StackSettings())), home / "fetch.log")
        program = debian.redis_server(Cache(cache_dir(StackSettings())))
    except debian.DebianUnavailableError as error:
        pytest.skip(f"no Redis on this machine: {error}")
    options = ("--port", str(section.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen((str(program), *options), stdout=log, stderr=log, cwd=home)
    try:
        _until_ready(section, process)
        real_engines.record("redis of a test", f"redis://127.0.0.1:{section.port}")
        yield section
    finally:
        process.terminate()
        process.wait(START_TIMEOUT_S)
        shutil.rmtree(home, ignore_errors=True)


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
