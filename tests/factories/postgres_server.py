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

from lakehouse.clock import SystemClock
from lakehouse.local import launch
from lakehouse.local.install import debian
from lakehouse.local.install.cache import Cache
from lakehouse.settings import PostgresSettings, StackSettings, cache_dir
from lakehouse.stores import postgres
from tests.factories import real_engines
from tests.factories.ports import free_port

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 30.0
CLOCK = SystemClock()


@contextmanager
def postgres_server() -> Iterator[PostgresSettings]:
    """The engine that `tidemark up` runs, fetched first where it is missing, with an empty database `tidemark`.

    Skips the test where this machine cannot have it, with the reason.
    """
    home = Path(tempfile.mkdtemp(prefix="tidemark-postgres-"))
    try:
        with (home / "server.log").open("wb") as log:
            process, section = _start(home, log.fileno())
            real_engines.record("postgres of a test", section.dsn)
            try:
                yield section
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(STOP_TIMEOUT_S)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _start(home: Path, log: int) -> tuple["subprocess.Popen[bytes]", PostgresSettings]:
    try:
        prefix = debian.fetch(Cache(cache_dir(StackSettings())), home / "fetch.log")
        words = launch.unprivileged(home / "data")
    except (debian.DebianUnavailableError, launch.NoUnprivilegedUserError) as error:
        pytest.skip(f"no PostgreSQL on this machine: {error}")
    programs = prefix / "usr" / "lib" / "postgresql" / "17" / "bin"
    section = PostgresSettings(port=free_port(), user="tidemark", database="tidemark", pool_max_size=4)
    data = str(home / "data")
    initdb = (
        *words,
        str(programs / "initdb"),
        "-D",
        data,
        "-U",
        section.user,
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
    )
    subprocess.run(initdb, check=True, stdout=log, stderr=log, cwd=home)
    options = ("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off")
    server = (*words, str(programs / "postgres"), "-D", data, "-p", str(section.port), *options)
    process = subprocess.Popen(server, stdout=log, stderr=log, cwd=home)
    _create_database(section, process)
    return process, section


def _create_database(section: PostgresSettings, process: "subprocess.Popen[bytes]") -> None:
    maintenance = section.model_copy(update={"database": "postgres"})
    deadline = CLOCK.monotonic() + START_TIMEOUT_S
    while True:
        try:
            with postgres.connect(maintenance) as connection:
                connection.autocommit = True
                connection.execute("CREATE DATABASE tidemark")
            return
        except psycopg.OperationalError:
            if process.poll() is not None or CLOCK.monotonic() > deadline:
                raise
            CLOCK.sleep(0.1)
