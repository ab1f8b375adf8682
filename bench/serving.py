"""What the API answers a second and how late, beside the same server answering a constant.

Each workload runs twice: as fast as sixteen connections get answers, then at a constant arrival rate of half of that,
where times count from when a request was due. The load comes from a second process on another core; PostgreSQL and
Redis share both. Orders go to eight accounts in turn, as those of users do, and for comparison to one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bench import api, serving_sockets
from bench.harness import Result
from bench.http_load import Measured
from lakehouse.settings import Settings
from lakehouse.stores import postgres

SECONDS = 6.0
GOAL_P99_MS = 25.0
CONSTANT = "/health/live"


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests that are sent in turn, and the share of the constant's rate that we want; None: only reported."""

    name: str
    goal: float | None
    requests: list[str]
    status: int = 200
    notes: str = ""


def run(settings: Settings) -> list[Result]:
    """Rates, and times at half of each. An answer of another status than expected raises."""
    with api.api(settings) as served:
        _settle(settings, served)
        limit = served.load(served.users[0].request("GET", CONSTANT), seconds=SECONDS).per_second
        results = [result for each in workloads(served) for result in _measure(served, each, limit=limit)]
        return [*results, *serving_sockets.measure(settings, served)]


def _settle(settings: Settings, served: api.Served) -> None:
    """Some orders, and the statistics that autovacuum collects in its first minute: plans made for empty tables are not
    what a used database has."""
    served.load(*(_order(user) for user in served.users), seconds=1.0, expected=201)
    with postgres.connect(settings.postgres) as connection:
        connection.execute("ANALYZE")


def workloads(served: api.Served) -> Iterator[Workload]:
    """What is measured."""
    users = served.users
    yield Workload("quote", 0.6, [users[0].request("GET", f"/api/v1/quotes?symbols={api.SYMBOLS[0]}")])
    yield Workload("portfolio", 0.3, [users[0].request("GET", f"/api/v1/portfolios/{users[0].portfolio_id}")])
    orders = [_order(user) for user in users]
    yield Workload("order", 0.1, orders, 201, f"{len(orders)} accounts in turn; ")
    yield Workload("order_one_account", None, orders[:1], 201, "one account, whose lock all wait for; ")


def _order(user: api.User) -> str:
    body: dict[str, object] = {
        "portfolio_id": user.portfolio_id,
        "client_order_id": "bench-{n}",
        "symbol": api.SYMBOLS[0],
        "side": "buy",
        "type": "limit",
        "limit_price": "99",
        "quantity": "1",
        "time_in_force": "gtc",
    }
    return user.request("POST", "/api/v1/orders", body=body, key=True)


def _measure(served: api.Served, workload: Workload, *, limit: float) -> list[Result]:
    name, status = workload.name, workload.status
    before = served.cpu_s()
    flat_out = served.load(*workload.requests, seconds=SECONDS, expected=status)
    used = served.cpu_s() - before
    _refuse_errors(name, flat_out, status)
    paced = served.load(*workload.requests, seconds=SECONDS, rate=flat_out.per_second / 2, expected=status)
    _refuse_errors(name, paced, status)
    notes = (
        f"{workload.notes}16 connections, one API process on one core, {used / SECONDS:.0%} of it used, "
        f"{1000 * used / flat_out.answers:.2f} ms an answer; p99 {flat_out.p99_ms:.1f} ms"
    )
    half = f"constant arrivals at {flat_out.per_second / 2:.0f}/s; p50 {paced.p50_ms:.1f}, worst {paced.worst_ms:.1f}"
    goal = None if workload.goal is None else workload.goal * limit
    return [
        Result(f"api_{name}", "answers/s", flat_out.per_second, limit=limit, goal=goal, notes=notes),
        Result(
            f"api_{name}_p99",
            "ms, p99 at half",
            paced.p99_ms,
            {"p50": paced.p50_ms},
            goal=None if goal is None else GOAL_P99_MS,
            lower_is_better=True,
            notes=half,
        ),
    ]


def _refuse_errors(name: str, measured: Measured, status: int) -> None:
    if measured.errors:
        raise AssertionError(f"{name}: {measured.errors} of {measured.answers} answers were not {status}")
