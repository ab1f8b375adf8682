"""The API as one process on one core, in front of a scratch stack, with users, a funded portfolio each, and quotes."""

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import httpx
import psutil

from bench.http_load import Measured
from lakehouse.clock import SystemClock
from lakehouse.domain.quote import Quote
from lakehouse.local import probes
from lakehouse.settings import Settings, inherited_environment, project_root
from lakehouse.stores import postgres, quote_bus, quotes, redis as redis_store

START_S = 60.0
CORES = sorted(os.sched_getaffinity(0))
SYMBOLS = tuple(f"BENCH{number:02d}" for number in range(20))
USERS = 8
UNLIMITED = "1000000000"
CASH = "1000000000.00"


@dataclass(frozen=True, slots=True)
class User:
    """A token and the portfolio that its owner trades in."""

    token: str
    portfolio_id: str

    def request(self, method: str, path: str, *, body: dict[str, object] | None = None, key: bool = False) -> str:
        """An HTTP/1.1 message of this user; with `key`, an Idempotency-Key of its own for each."""
        content = "" if body is None else json.dumps(body)
        padded = len(content) + 9 * content.count("{n}")  # twelve digits take the place of three characters
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {self.token}"]
        lines += [f"Idempotency-Key: {secrets.token_hex(4)}-{{n}}"] if key else []
        lines += [] if body is None else ["Content-Type: application/json", f"Content-Length: {padded}"]
        return "\r\n".join([*lines, "", content])


@dataclass(frozen=True, slots=True)
class Served:
    """Where the API listens, and who may ask it."""

    port: int
    process: psutil.Process
    users: tuple[User, ...]

    def load(self, *requests: str, seconds: float, rate: float | None = None, expected: int = 200) -> Measured:
        """Send the requests in turn from a second process on another core than the API's."""
        given = {
            "port": self.port,
            "requests": requests,
            "seconds": seconds,
            "rate": rate,
            "expected": expected,
            "first": secrets.randbelow(10**9) * 100,
        }
        done = subprocess.run(
            beside("bench.http_load"),
            input=json.dumps(given),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=project_root(),
        )
        return Measured(**json.loads(done.stdout))

    def cpu_s(self) -> float:
        """Seconds of CPU that the API has used so far."""
        used = self.process.cpu_times()
        return float(used.user + used.system)


def beside(module: str) -> list[str]:
    """What starts a module on another core than the API's, where there is one."""
    argv = [sys.executable, "-m", module]
    return ["taskset", "-c", str(CORES[1]), *argv] if len(CORES) > 1 else argv


@contextmanager
def api(settings: Settings) -> Iterator[Served]:
    """Start `python -m serving` on the first core, make what the workloads read, and end it by SIGTERM."""
    port = _free_port()
    environment = {
        **inherited_environment(),
        "TIDEMARK_HOME": str(settings.home),
        "TIDEMARK_SERVING__PORT": str(port),
        "TIDEMARK_SERVING__RATE_PER_MINUTE": UNLIMITED,
        "TIDEMARK_SERVING__ANONYMOUS_RATE_PER_MINUTE": UNLIMITED,
        "TIDEMARK_SERVING__MAX_CONCURRENCY": "2000",
        "TIDEMARK_AUTH__ACCESS_TTL_S": "900",
    }
    with (settings.home / "bench-api.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving"], env=environment, stdout=log, stderr=log, cwd=project_root()
        )
    try:
        psutil.Process(process.pid).cpu_affinity([CORES[0]])
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30.0) as client:
            alive = probes.http_ok(f"http://127.0.0.1:{port}/health/live")
            probes.until_passes(alive, process, clock=SystemClock(), timeout_s=START_S)
            _market(settings)
            yield Served(port, psutil.Process(process.pid), tuple(_user(client) for _ in range(USERS)))
    finally:
        process.terminate()
        process.wait(30)


def _user(client: httpx.Client) -> User:
    login = {"email": f"bench-{secrets.token_hex(6)}@example.com", "password": secrets.token_urlsafe(24)}
    client.post("/api/v1/auth/register", json={**login, "display_name": "Bench"}).raise_for_status()
    answer = client.post("/api/v1/auth/login", json=login).raise_for_status()
    token = str(answer.json()["access_token"])
    client.headers["Authorization"] = f"Bearer {token}"
    return User(token, _portfolio(client))


def _portfolio(client: httpx.Client) -> str:
    body = {"name": f"bench {secrets.token_hex(4)}", "base_currency": "USD"}
    made = client.post("/api/v1/portfolios", json=body).raise_for_status().json()
    deposit = {
        "portfolio_id": made["id"],
        "kind": "deposit",
        "amount": CASH,
        "currency": "USD",
        "occurred_at": "2022-01-03T14:30:00Z",
    }
    key = {"Idempotency-Key": secrets.token_hex(8)}
    client.post("/api/v1/transactions", json=deposit, headers=key).raise_for_status()
    return str(made["id"])


def _market(settings: Settings) -> None:
    """Twenty instruments with a quote of now."""
    clock = SystemClock()
    with postgres.connect(settings.postgres) as connection:
        for symbol in SYMBOLS:
            connection.execute(
                "INSERT INTO app.instrument (symbol, name, currency, exchange) VALUES (%s, %s, 'USD', 'XNAS') "
                "ON CONFLICT DO NOTHING",
                (symbol, f"{symbol} Inc."),
            )
    publish(settings, ticks(clock.now(), Decimal("100.25")))


def ticks(at: datetime, price: Decimal) -> list[Quote]:
    """A quote of each symbol."""
    return [Quote(symbol=symbol, price=price, currency="USD", provider="bench", as_of=at) for symbol in SYMBOLS]


def publish(settings: Settings, given: list[Quote]) -> None:
    """Write quotes as the feed does: master table, history, then the bus."""

    async def once() -> None:
        async with writer(settings) as write:
            await write(given)

    asyncio.run(once())


@asynccontextmanager
async def writer(settings: Settings) -> AsyncIterator[Callable[[list[Quote]], Awaitable[None]]]:
    """What writes and publishes quotes, with connections that stay open."""
    pool = postgres.write_pool(settings.postgres, timeout_s=10)
    bus = redis_store.connect_async(settings.redis)
    await pool.open(wait=True)

    async def write(given: list[Quote]) -> None:
        async with postgres.transaction(pool) as connection:
            recorded = await quotes.record_quotes(connection, given, clock=SystemClock())
        await quote_bus.publish(bus, recorded.accepted)

    try:
        yield write
    finally:
        await pool.close()
        await bus.aclose()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
