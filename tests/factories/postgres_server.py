"""A real PostgreSQL of its own for tests: an empty database on a free loopback port, gone afterwards."""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import TupleRow

from lakehouse.clock import SystemClock
from lakehouse.local import launch
from lakehouse.local.install import debian
from lakehouse.local.install.cache import Cache
from lakehouse.settings import PostgresSettings, StackSettings, cache_dir
from lakehouse.stores import postgres
from tests.factories import real_engines
from tests.factories.ports import free_port

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 120.0
CLOCK = SystemClock()


class PostgresServer:
    """One server on one folder and one port, the same ones at each start."""

    def __init__(self, home: Path, *, with_timescale: bool = False) -> None:
        try:
            prefix = debian.fetch(Cache(cache_dir(StackSettings())), home / "fetch.log")
            self._words = launch.unprivileged(home / "data")
        except (debian.DebianUnavailableError, launch.NoUnprivilegedUserError) as error:
            pytest.skip(f"no PostgreSQL on this machine: {error}")
        self._programs = prefix / "usr" / "lib" / "postgresql" / "17" / "bin"
        self._home = home
        self._with_timescale = with_timescale
        self._process: subprocess.Popen[bytes] | None = None
        self.settings = PostgresSettings(port=free_port(), user="tidemark", database="tidemark", pool_max_size=4)

    def create(self) -> None:
        """Make the cluster, start it and add the empty database."""
        options = ("-U", self.settings.user, "-A", "trust", "-E", "UTF8", "--no-sync")
        words = (*self._words, str(self._programs / "initdb"), "-D", str(self._home / "data"), *options)
        with (self._home / "server.log").open("ab") as log:
            subprocess.run(words, check=True, stdout=log, stderr=log, cwd=self._home)
        self.start()
        with self._when_ready() as connection:
            connection.autocommit = True
            connection.execute("CREATE DATABASE tidemark")
        if self._with_timescale:
            with postgres.connect(self.settings) as connection:
                connection.execute("CREATE EXTENSION timescaledb")

    def start(self) -> None:
        """Start; `wait` says when it answers. What a killed server left behind is recovered."""
        options: tuple[str, ...] = (
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
            "-c",
            "fsync=off",
        )
        if self._with_timescale:
            options += ("-c", "shared_preload_libraries=timescaledb", "-c", "timescaledb.telemetry_level=off")
        place = ("-D", str(self._home / "data"), "-p", str(self.settings.port))
        with (self._home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                (*self._words, str(self._programs / "postgres"), *place, *options),
                stdout=log,
                stderr=log,
                cwd=self._home,
            )

    def kill(self) -> None:
        """SIGKILL the server; its backends notice and end."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(STOP_TIMEOUT_S)

    def restart(self) -> None:
        """Start after `kill`, again where backends of the dead server still held its memory, until it answers."""
        self.start()
        with self._when_ready(again=True) as connection:
            connection.execute("SELECT 1")

    def stop(self) -> None:
        """End it in order."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(STOP_TIMEOUT_S)

    def _when_ready(self, *, again: bool = False) -> psycopg.Connection[TupleRow]:
        maintenance = self.settings.model_copy(update={"database": "postgres"})
        deadline = CLOCK.monotonic() + START_TIMEOUT_S
        while True:
            try:
                return postgres.connect(maintenance)
            except psycopg.OperationalError:
                ended = self._process is None or self._process.poll() is not None
                if CLOCK.monotonic() > deadline or (ended and not again):
                    raise
                CLOCK.sleep(0.1)
                if ended:
                    self.start()


@contextmanager
def restartable_postgres(*, with_timescale: bool = False) -> Iterator[PostgresServer]:
    """The engine that `tidemark up` runs, fetched first where it is missing, with an empty database `tidemark`;
    `with_timescale`: with the extension too, as the stack has it.

    Skips the test where this machine cannot have it, with the reason.
    """
    home = Path(tempfile.mkdtemp(prefix="tidemark-postgres-"))
    try:
        server = PostgresServer(home, with_timescale=with_timescale)
        try:
            server.create()
            real_engines.record("postgres of a test", server.settings.dsn)
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def postgres_server(*, with_timescale: bool = False) -> Iterator[PostgresSettings]:
    """The same for tests that leave it running: its settings."""
    with restartable_postgres(with_timescale=with_timescale) as server:
        yield server.settings
