"""The real API as a process, on a free loopback port, in front of engines that a test has started."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from lakehouse.clock import SystemClock
from lakehouse.local import probes
from lakehouse.settings import MlflowSettings, RedisSettings, Settings, inherited_environment, project_root
from tests.factories.ports import free_port

START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 120.0
ANSWER_S = 120.0
PROBE_TIMEOUT_S = 6.0  # an engine that a busy machine holds up for some seconds is up
CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class ApiProcess:
    """Where it listens, its process, and a client that fails loudly when an answer takes longer than ANSWER_S."""

    url: str
    process: "subprocess.Popen[bytes]"
    client: httpx.Client
    log: Path


@contextmanager
def api_process(
    settings: Settings,
    *,
    query_timeout_s: float,
    probe_timeout_s: float = PROBE_TIMEOUT_S,
    program: Sequence[str] = ("-m", "serving"),
) -> Iterator[ApiProcess]:
    """Start `python -m serving`, yield it when it is alive, and end it by SIGTERM.

    Raises ProbeError where it does not come alive; its log is at `settings.home`.
    """
    port = free_port()
    log = settings.home / f"api-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *program],
            env={**inherited_environment(), **_environment(settings, port, query_timeout_s, probe_timeout_s)},
            stdout=output,
            stderr=output,
            cwd=project_root(),
        )
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, timeout=ANSWER_S) as client:
            probes.until_passes(probes.http_ok(f"{url}/health/live"), process, clock=CLOCK, timeout_s=START_TIMEOUT_S)
            yield ApiProcess(url, process, client, log)
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)


def _environment(settings: Settings, port: int, query_timeout_s: float, probe_timeout_s: float) -> dict[str, str]:
    nobody = str(free_port())
    return {
        "TIDEMARK_HOME": str(settings.home),
        "TIDEMARK_POSTGRES__PORT": str(settings.postgres.port),
        "TIDEMARK_POSTGRES__USER": settings.postgres.user,
        "TIDEMARK_POSTGRES__DATABASE": settings.postgres.database,
        "TIDEMARK_POSTGRES__REPLICA_HOST": settings.postgres.replica_host,
        "TIDEMARK_POSTGRES__REPLICA_PORT": str(settings.postgres.replica_port),
        "TIDEMARK_CLICKHOUSE__PORT": str(settings.clickhouse.port),
        "TIDEMARK_CLICKHOUSE__PASSWORD": settings.clickhouse.password.get_secret_value(),
        "TIDEMARK_CLICKHOUSE__ANALYST_PASSWORD": settings.clickhouse.analyst_password.get_secret_value(),
        "TIDEMARK_REDIS__PORT": str(settings.redis.port) if settings.redis != RedisSettings() else nobody,
        "TIDEMARK_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{nobody}",
        "TIDEMARK_S3__ENDPOINT_URL": f"http://127.0.0.1:{nobody}",
        "TIDEMARK_AIRFLOW__URL": f"http://127.0.0.1:{nobody}",
        "TIDEMARK_MLFLOW__TRACKING_URI": settings.mlflow.tracking_uri
        if settings.mlflow != MlflowSettings()
        else f"http://127.0.0.1:{nobody}",
        "TIDEMARK_PROVIDERS__DEMO_MODE": "true",  # orders that are good at once are taken on every day
        "TIDEMARK_AUTH__ATTEMPTS_PER_MINUTE": str(settings.auth.attempts_per_minute),
        "TIDEMARK_AUTH__REFRESH_GRACE_S": str(settings.auth.refresh_grace_s),
        "TIDEMARK_AUTH__ARGON2_MEMORY_KIB": str(settings.auth.argon2_memory_kib),
        "TIDEMARK_SERVING__RATE_PER_MINUTE": str(settings.serving.rate_per_minute),
        "TIDEMARK_SERVING__ANONYMOUS_RATE_PER_MINUTE": str(settings.serving.anonymous_rate_per_minute),
        "TIDEMARK_SERVING__PORT": str(port),
        "TIDEMARK_SERVING__REDIS_PATIENCE_S": "10",  # a busy machine's Redis is not gone
        "TIDEMARK_SERVING__QUERY_TIMEOUT_S": str(query_timeout_s),
        "TIDEMARK_SERVING__PROBE_TIMEOUT_S": str(probe_timeout_s),
    }
