"""What the API answers a second and how late, beside the same server answering a constant.

Each workload runs twice: as fast as sixteen connections get answers, then at a constant arrival rate of half of that,
where times count from when a request was due. The load comes from a second process on another core; PostgreSQL and
Redis share both.
"""

from collections.abc import Iterator

from bench import api
from bench.harness import Result
from bench.http_load import Measured
from lakehouse.settings import Settings

SECONDS = 8.0
GOAL_P99_MS = 25.0
CONSTANT = "/health/live"


def run(settings: Settings) -> list[Result]:
    """Rates, and times at half of each. An answer of another status than expected raises."""
    with api.api(settings) as served:
        limit = served.load(served.request("GET", CONSTANT), seconds=SECONDS).per_second
        return [
            result
            for name, goal, request, status in _workloads(served)
            for result in _measure(served, name, request, status, limit=limit, goal=goal)
        ]


def _workloads(served: api.Served) -> Iterator[tuple[str, float, str, int]]:
    """Name, share of the constant's rate that we want, request, status."""
    order: dict[str, object] = {
        "portfolio_id": served.portfolio_id,
        "client_order_id": "bench-{n}",
        "symbol": api.SYMBOLS[0],
        "side": "buy",
        "type": "limit",
        "limit_price": "99",
        "quantity": "1",
        "time_in_force": "gtc",
    }
    yield "quote", 0.6, served.request("GET", f"/api/v1/quotes?symbols={api.SYMBOLS[0]}"), 200
    yield "portfolio", 0.3, served.request("GET", f"/api/v1/portfolios/{served.portfolio_id}"), 200
    yield "order", 0.1, served.request("POST", "/api/v1/orders", body=order, key=True), 201


def _measure(served: api.Served, name: str, request: str, status: int, *, limit: float, goal: float) -> list[Result]:
    before = served.process.cpu_times()
    flat_out = served.load(request, seconds=SECONDS, expected=status)
    used = served.process.cpu_times()
    _refuse_errors(name, flat_out, status)
    paced = served.load(request, seconds=SECONDS, rate=flat_out.per_second / 2, expected=status)
    _refuse_errors(name, paced, status)
    cpu = (used.user + used.system - before.user - before.system) / SECONDS
    notes = f"16 connections, one API process on one core, {cpu:.0%} of it used; p99 {flat_out.p99_ms:.1f} ms"
    half = f"constant arrivals at {flat_out.per_second / 2:.0f}/s; p50 {paced.p50_ms:.1f}, worst {paced.worst_ms:.1f}"
    return [
        Result(f"api_{name}", "answers/s", flat_out.per_second, limit=limit, goal=goal * limit, notes=notes),
        Result(
            f"api_{name}_p99",
            "ms, p99 at half",
            paced.p99_ms,
            {"p50": paced.p50_ms},
            goal=GOAL_P99_MS,
            lower_is_better=True,
            notes=half,
        ),
    ]


def _refuse_errors(name: str, measured: Measured, status: int) -> None:
    if measured.errors:
        raise AssertionError(f"{name}: {measured.errors} of {measured.answers} answers were not {status}")
