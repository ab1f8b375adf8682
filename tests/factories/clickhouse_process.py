"""A real ClickHouse process of its own for tests, on a free loopback port with a data folder of its own."""

import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import clickhouse_connect
import urllib3
from clickhouse_connect.driver.client import Client
from pydantic import SecretStr

from lakehouse.clock import SystemClock
from lakehouse.settings import ClickHouseSettings, Settings, inherited_environment, project_root
from tests.factories import real_engines
from tests.factories.ports import free_port

START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 120.0
CLOCK = SystemClock()
HTTP = urllib3.PoolManager(retries=False, maxsize=16)


@dataclass
class ClickHouseProcess:
    """A running server: its settings, its process and the file that it logs to."""

    settings: Settings
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def section(self) -> ClickHouseSettings:
        return self.settings.clickhouse

    def client(self, **options: Any) -> Client:
        """A client of the owner as users make one: with clickhouse-connect's own defaults."""
        return self._client(self.section.user, self.section.password, options)

    def analyst(self, **options: Any) -> Client:
        """A client of the read-only user in the marts' database."""
        given = {"database": self.section.database, **options}
        return self._client(self.section.analyst_user, self.section.analyst_password, given)

    def request(
        self, body: bytes | str = b"", *, params: Mapping[str, object] | None = None, **options: Any
    ) -> urllib3.BaseHTTPResponse:
        """A bare POST, or what `method` says, as the owner unless `user` names someone else; nothing is retried."""
        user = options.pop("user", self.section.user)
        known = {self.section.user: self.section.password, self.section.analyst_user: self.section.analyst_password}
        secret = options.pop("password", known[user].get_secret_value() if user in known else "")
        headers = {**urllib3.make_headers(basic_auth=f"{user}:{secret}"), **options.pop("headers", {})}
        query = urlencode({name: str(value) for name, value in (params or {}).items()})
        method = options.pop("method", "POST")
        return HTTP.request(method, f"{self.section.url}/?{query}", body=body or None, headers=headers, **options)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)

    def _client(self, user: str, password: SecretStr, options: dict[str, Any]) -> Client:
        secret = password.get_secret_value()
        return clickhouse_connect.get_client(
            host=self.section.host, port=self.section.port, username=user, password=secret, **options
        )


def settings_in(home: Path, port: int) -> Settings:
    """Settings with fresh passwords."""
    section = ClickHouseSettings(
        port=port,
        password=SecretStr(secrets.token_hex(12)),
        analyst_password=SecretStr(secrets.token_hex(12)),
    )
    return Settings(home=home, clickhouse=section)


def start(settings: Settings) -> ClickHouseProcess:
    """Start the process and wait until it answers. Raises RuntimeError with its log where it does not."""
    section = settings.clickhouse
    env = {
        **inherited_environment(),
        "TIDEMARK_HOME": str(settings.home),
        "TIDEMARK_CLICKHOUSE__PORT": str(section.port),
        "TIDEMARK_CLICKHOUSE__PASSWORD": section.password.get_secret_value(),
        "TIDEMARK_CLICKHOUSE__ANALYST_PASSWORD": section.analyst_password.get_secret_value(),
    }
    log = settings.home / "clickhouse.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "lakehouse.local.clickhouse"],
            env=env,
            stdout=output,
            stderr=output,
            cwd=project_root(),
        )
    deadline = CLOCK.monotonic() + START_TIMEOUT_S
    while not _answers(section.url):
        if process.poll() is not None or CLOCK.monotonic() > deadline:
            process.kill()
            process.wait(STOP_TIMEOUT_S)
            raise RuntimeError(f"ClickHouse did not start:\n{log.read_text()}")
        CLOCK.sleep(0.05)
    return ClickHouseProcess(settings, process, log)


@contextmanager
def clickhouse_process(home: Path) -> Iterator[ClickHouseProcess]:
    """A server for the block; stopped by a signal, and killed where that does not help."""
    running = start(settings_in(home, free_port()))
    real_engines.record("clickhouse", "a process of its own")
    try:
        yield running
    finally:
        stop(running)


def stop(running: ClickHouseProcess) -> int:
    """Ask it to stop and return its exit status."""
    running.process.terminate()
    try:
        return running.process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        running.kill()
        raise


def _answers(url: str) -> bool:
    try:
        return HTTP.request("GET", f"{url}/ping", timeout=2.0).data == b"Ok.\n"
    except urllib3.exceptions.HTTPError:
        return False
