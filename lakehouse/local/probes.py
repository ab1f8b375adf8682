"""Whether an engine answers as a client needs it to: each probe makes one real request and raises ProbeError."""

import subprocess
import uuid
from collections.abc import Callable
from functools import lru_cache

import grpc
import httpx
import psycopg
import redis

from lakehouse.clock import Clock
from lakehouse.settings import KafkaSettings, RedisSettings
from lakehouse.stores import redis as redis_store
from lakehouse.stores.probes import ProbeError, kafka_admin, kafka_broker

TIMEOUT_S = 3.0
PAUSE_S = 0.1
# SparkConnectService.ReleaseSession of a session that never was: answered by the service itself and creates nothing.
SPARK_METHOD = "/spark.connect.SparkConnectService/ReleaseSession"

Probe = Callable[[], None]


def kafka(section: KafkaSettings) -> Probe:
    """The broker hands out its metadata."""

    return lambda: kafka_broker(kafka_admin(section), TIMEOUT_S)


def postgres(conninfo: str) -> Probe:
    """A login and SELECT 1."""

    def probe() -> None:
        try:
            with psycopg.connect(conninfo, connect_timeout=int(TIMEOUT_S)) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as error:
            raise ProbeError(f"PostgreSQL does not answer: {error}") from error

    return probe


def redis_ping(section: RedisSettings) -> Probe:
    """A login and PING."""

    def probe() -> None:
        client = redis_store.connect(section)
        try:
            client.ping()
        except redis.RedisError as error:
            raise ProbeError(f"Redis at {section.host}:{section.port} does not answer: {error}") from error
        finally:
            client.close()

    return probe


def http_ok(url: str) -> Probe:
    """GET answers with a status below 300."""

    def probe() -> None:
        _get(url)

    return probe


def until_passes(probe: Probe, process: "subprocess.Popen[bytes]", *, clock: Clock, timeout_s: float) -> None:
    """Wait until `process` passes. Raises ProbeError, once it has ended or the time is over."""
    deadline = clock.monotonic() + timeout_s
    while True:
        try:
            probe()
            return
        except ProbeError:
            if process.poll() is not None or clock.monotonic() > deadline:
                raise
            clock.sleep(PAUSE_S)


def airflow_component(report_url: str, component: str) -> Probe:
    """Airflow's own health report calls `component` healthy: it looks at the age of the component's heartbeat."""

    def probe() -> None:
        report = _get(report_url).json()
        status = report.get(component, {}).get("status")
        if status != "healthy":
            raise ProbeError(f"Airflow reports its {component} as {status}")

    return probe


def spark_connect(port: int) -> Probe:
    """The Connect service answers a request over gRPC."""

    def probe() -> None:
        target = f"127.0.0.1:{port}"
        with grpc.insecure_channel(target, options=(("grpc.enable_http_proxy", 0),)) as channel:
            try:
                channel.unary_unary(SPARK_METHOD)(_release_request(), timeout=TIMEOUT_S)
            except grpc.RpcError as error:
                raise ProbeError(f"Spark Connect at {target} does not answer: {error.details()}") from error

    return probe


@lru_cache(maxsize=1)
def _client() -> httpx.Client:
    return httpx.Client(timeout=TIMEOUT_S, trust_env=False)  # loopback: no proxy of the environment may stand between


def _get(url: str) -> httpx.Response:
    try:
        answer = _client().get(url)
    except httpx.HTTPError as error:
        raise ProbeError(f"{url} does not answer: {error or type(error).__name__}") from error
    if not answer.is_success:
        raise ProbeError(f"{url} answers {answer.status_code}: {answer.text[:300]}")
    return answer


def _release_request() -> bytes:
    """ReleaseSessionRequest{session_id = 1, user_context = 2 {user_id = 1}}, encoded by hand.

    The generated classes live in pyspark, whose import would cost every `tidemark status` more than a second.
    """
    session, user = str(uuid.uuid4()).encode(), b"tidemark-probe"
    context = b"\x0a" + bytes([len(user)]) + user
    return b"\x0a" + bytes([len(session)]) + session + b"\x12" + bytes([len(context)]) + context
