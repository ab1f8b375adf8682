"""A MinIO of a test's own, that the test may stop and start again: the engine that `tidemark up` runs."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lakehouse.clock import SystemClock
from lakehouse.local import probes
from lakehouse.local.install import minio
from lakehouse.local.install.cache import Cache
from lakehouse.settings import S3Settings, StackSettings, cache_dir
from lakehouse.stores.probes import ProbeError
from tests.factories import real_engines
from tests.factories.ports import free_port

START_TIMEOUT_S = 120.0
CLOCK = SystemClock()


class MinioServer:
    """One server on one folder and one port, the same ones at each start."""

    def __init__(self, program: Path, home: Path, like: S3Settings) -> None:
        self._port = free_port()
        self._program = program
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self.settings = like.model_copy(update={"endpoint_url": f"http://127.0.0.1:{self._port}"})

    def start(self) -> None:
        """Start and wait until it is ready; nothing where it runs."""
        if self._process is not None:
            return
        address, data = f"127.0.0.1:{self._port}", str(self._home / "data")
        words = (str(self._program), "server", "--address", address, "--quiet", data)
        environment = {
            "HOME": str(self._home),
            "PATH": "/usr/bin:/bin",
            "MINIO_ROOT_USER": self.settings.access_key,
            "MINIO_ROOT_PASSWORD": self.settings.secret_key.get_secret_value(),
            "MINIO_REGION": self.settings.region,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        }
        with (self._home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(words, env=environment, cwd=self._home, stdout=log, stderr=log)
        self._wait()

    def stop(self) -> None:
        """Kill it: connections are refused from then on."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _wait(self) -> None:
        probe = probes.http_ok(f"{self.settings.endpoint_url}/minio/health/ready")
        deadline = CLOCK.monotonic() + START_TIMEOUT_S
        while True:
            try:
                return probe()
            except ProbeError:
                if CLOCK.monotonic() > deadline:
                    raise
                CLOCK.sleep(0.1)


@contextmanager
def minio_server(like: S3Settings) -> Iterator[MinioServer]:
    """A running server with the keys of `like`; skips where this machine has none in its cache."""
    program = minio.binary(Cache(cache_dir(StackSettings())))
    if not program.exists():
        pytest.skip(f"no MinIO in the cache ({program}): `tidemark up --only s3` compiles it")
    home = Path(tempfile.mkdtemp(prefix="tidemark-minio-"))
    server = MinioServer(program, home, like)
    try:
        server.start()
        real_engines.record("s3 of a test", server.settings.endpoint_url)
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
