"""Risk on request: the numbers of the risk functions, an absence instead of a zero, jobs that survive a kill."""

import signal
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import pytest

from lakehouse.clock import SystemClock
from lakehouse.domain.ids import SYSTEM_USER, uuid7
from lakehouse.migrations.postgres.demo import PORTFOLIOS, seed_demo
from lakehouse.risk import FROM_RETURNS, Conventions, Method, estimate, historical_es, historical_var
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from tests.factories.api_process import api_process
from tests.factories.bars import LAST, walk, write_bars
from tests.integration.serving.conftest import QUERY_TIMEOUT_S, Served

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
COMPUTE, BATCH = "/api/v1/risk-metrics/compute", "/api/v1/risk-metrics/compute-batch"
CORE, INCOME, LONG_SHORT = (str(portfolio.id) for portfolio in PORTFOLIOS)
DAYS = 320
MANY = 300  # lines of a job: a worker takes far longer for them than we to see that it is at work


@pytest.fixture(scope="module")
def priced(served: Served) -> Served:
    """The demo's portfolios with daily closes of everything that they hold."""
    write_bars(served.settings, {symbol for each in PORTFOLIOS for symbol, _ in each.holdings}, DAYS)
    return served


def expected_pnl(holdings: Any, window: int) -> "np.ndarray[Any, Any]":
    """P&L of the holdings, computed here in the plainest way."""
    total = np.zeros(window)
    for symbol, quantity in holdings:
        closes = np.array([float(close) for _, close in walk(symbol, DAYS)])[-(window + 1) :]
        total += float(quantity) * closes[-1] * (closes[1:] / closes[:-1] - 1)
    return total


class TestCompute:
    @pytest.mark.parametrize("method", list(Method))
    def test_each_method_gives_what_the_risk_functions_give(self, priced: Served, method: Method) -> None:
        body = {"portfolio_id": CORE, "method": method, "confidence": "0.95", "days": 250}
        # The first filtered one of a process imports the library that fits it.
        answer = priced.api.client.post(COMPUTE, json=body, timeout=240)
        found = answer.json()
        assert answer.status_code == 200, found
        pnl = expected_pnl(PORTFOLIOS[0].holdings, 250)
        assert (found["business_date"], found["observations"]) == (str(LAST), 250)
        assert found["source"] == "market.bar"
        assert Decimal(found["expected_shortfall"]["amount"]) >= Decimal(found["value_at_risk"]["amount"]) > 0
        if method in FROM_RETURNS:
            near = estimate(Method.PARAMETRIC_NORMAL, pnl[:, None], confidence=Decimal("0.95")).var[0]
            assert float(found["value_at_risk"]["amount"]) == pytest.approx(near, rel=0.15)
            assert found["scenarios"] == (10_000 if method.startswith("monte_carlo") else 0)
        else:
            exact = estimate(method, pnl[:, None], confidence=Decimal("0.95"), conventions=Conventions())
            assert float(found["value_at_risk"]["amount"]) == pytest.approx(exact.var[0], abs=0.02)
            assert float(found["expected_shortfall"]["amount"]) == pytest.approx(exact.es[0], abs=0.02)

    def test_a_longer_horizon_sums_days(self, priced: Served) -> None:
        body = {"portfolio_id": INCOME, "confidence": "0.9", "days": 250, "horizon_days": 10}
        found = priced.api.client.post(COMPUTE, json=body).json()
        pnl = expected_pnl(PORTFOLIOS[1].holdings, 250)[:, None]
        var = historical_var(pnl, confidence=Decimal("0.9"), horizon_days=10)[0]
        shortfall = historical_es(pnl, confidence=Decimal("0.9"), horizon_days=10)[0]
        assert float(found["value_at_risk"]["amount"]) == pytest.approx(var, abs=0.02)
        assert float(found["expected_shortfall"]["amount"]) == pytest.approx(shortfall, abs=0.02)

    def test_it_is_the_same_twice(self, priced: Served) -> None:
        body = {"portfolio_id": LONG_SHORT, "method": "monte_carlo_normal", "days": 250}
        first, second = (priced.api.client.post(COMPUTE, json=body).json() for _ in range(2))
        assert first == second

    def test_a_history_that_is_too_short_is_told_and_is_no_zero(self, priced: Served) -> None:
        short = priced.api.client.post(COMPUTE, json={"portfolio_id": CORE, "days": 2000})
        rare = priced.api.client.post(COMPUTE, json={"portfolio_id": CORE, "days": 250, "confidence": "0.9999"})
        assert (short.status_code, short.json()["code"]) == (409, "risk_not_computable")
        assert (rare.status_code, rare.json()["code"]) == (409, "risk_not_computable")
        assert "2001 needed" in short.json()["detail"]

    def test_what_holds_nothing_and_what_has_no_price_is_told(self, priced: Served, alice: httpx.Client) -> None:
        made = alice.post("/api/v1/portfolios", json={"name": "Empty"}).json()["id"]
        empty = alice.post(COMPUTE, json={"portfolio_id": made})
        with postgres.connect(priced.settings.postgres) as connection:
            connection.execute(
                "INSERT INTO app.instrument (symbol, name, exchange, currency) VALUES ('NOPRICE', 'x', 'XNAS', 'USD') "
                "ON CONFLICT DO NOTHING"
            )
            connection.execute(
                "INSERT INTO app.position (portfolio_id, symbol, quantity) VALUES (%s, 'NOPRICE', 1)", (made,)
            )
        unpriced = alice.post(COMPUTE, json={"portfolio_id": made})
        assert (empty.status_code, empty.json()["code"]) == (409, "nothing_held")
        assert (unpriced.status_code, unpriced.json()["code"]) == (409, "history_missing")
        assert "NOPRICE" in unpriced.json()["detail"]

    def test_what_is_priced_in_another_currency_moves_with_its_rate(self, priced: Served, alice: httpx.Client) -> None:
        made = alice.post("/api/v1/portfolios", json={"name": "In kroner", "base_currency": "DKK"}).json()["id"]
        closes = walk("AAPL", DAYS)
        with postgres.connect(priced.settings.postgres) as connection:
            connection.execute(
                "INSERT INTO app.position (portfolio_id, symbol, quantity) VALUES (%s, 'AAPL', 10)", (made,)
            )
        without = alice.post(COMPUTE, json={"portfolio_id": made, "days": 250})
        rates = [(day, Decimal("0.125") + Decimal(number % 5) / 1000) for number, (day, _) in enumerate(closes)]
        with postgres.connect(priced.settings.postgres) as connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO market.fx_rate (base, quote, as_of, rate, provider) VALUES ('DKK', 'USD', %s, %s, 'test')",
                rates,
            )
        assert (without.status_code, without.json()["code"]) == (409, "rate_missing")
        assert "no rate of USD to DKK" in without.json()["detail"]
        found = alice.post(COMPUTE, json={"portfolio_id": made, "days": 250, "confidence": "0.95"}).json()
        kroner = np.array([float(close) / float(rate) for (_, close), (_, rate) in zip(closes, rates, strict=True)])
        pnl = 10 * kroner[-1] * (kroner[-250:] / kroner[-251:-1] - 1)
        assert found["value"] == {"amount": f"{10 * kroner[-1]:.2f}", "currency": "DKK"}
        var = historical_var(pnl[:, None], confidence=Decimal("0.95"))[0]
        assert float(found["value_at_risk"]["amount"]) == pytest.approx(var, abs=0.02)

    @pytest.mark.parametrize(
        "change",
        [
            {"confidence": "0.4"},
            {"confidence": "1"},
            {"confidence": 0.99},
            {"days": 10},
            {"horizon_days": 0},
            {"method": "guess"},
            {"value": "1"},
        ],
    )
    def test_what_the_schema_forbids_is_422(self, priced: Served, change: dict[str, object]) -> None:
        assert priced.api.client.post(COMPUTE, json={"portfolio_id": CORE, **change}).status_code == 422

    def test_anothers_portfolio_does_not_exist(self, priced: Served, alice: httpx.Client) -> None:
        answer = alice.post(COMPUTE, json={"portfolio_id": CORE})
        assert (answer.status_code, answer.json()["code"]) == (404, "portfolio_not_found")


class TestJobs:
    def test_a_job_tells_its_progress_and_then_every_result(self, priced: Served) -> None:
        ids = [CORE, INCOME, LONG_SHORT]
        answer = priced.api.client.post(BATCH, json={"portfolio_ids": ids, "days": 250, "confidence": "0.95"})
        assert answer.status_code == 202
        place = answer.headers["location"]
        _poll(lambda: priced.api.client.get(place).json()["status"] == "done")
        job = priced.api.client.get(place).json()
        alone = priced.api.client.post(COMPUTE, json={"portfolio_id": INCOME, "days": 250, "confidence": "0.95"})
        assert (job["finished"], job["total"], job["progress"]) == (3, 3, 1.0)
        assert [item["portfolio_id"] for item in job["items"]] == ids
        assert job["items"][1]["result"] == alone.json()
        assert job["finished_at"]

    def test_a_refusal_of_one_leaves_the_others(self, priced: Served, alice: httpx.Client) -> None:
        empty = alice.post("/api/v1/portfolios", json={"name": "Nothing"}).json()["id"]
        place = alice.post(BATCH, json={"portfolio_ids": [empty]}).headers["location"]
        _poll(lambda: alice.get(place).json()["status"] == "done")
        (item,) = alice.get(place).json()["items"]
        assert (item["status"], item["problem"]["code"], item["result"]) == ("refused", "nothing_held", None)

    def test_others_see_neither_the_job_nor_compute_what_is_not_theirs(
        self, priced: Served, alice: httpx.Client
    ) -> None:
        place = priced.api.client.post(BATCH, json={"portfolio_ids": [CORE], "days": 250}).headers["location"]
        assert alice.get(place).status_code == 404
        assert alice.post(BATCH, json={"portfolio_ids": [CORE]}).status_code == 404
        assert alice.get(f"/api/v1/risk-metrics/jobs/{uuid4()}").json()["code"] == "risk_job_not_found"

    def test_risk_cannot_be_written_and_the_refusal_says_what_to_do(self, priced: Served) -> None:
        for method in ("POST", "DELETE"):
            answer = priced.api.client.request(method, "/api/v1/risk-metrics")
            assert answer.status_code == 405
            assert "compute-batch" in answer.json()["detail"]
            assert "GET" in answer.headers["allow"]


class TestWorkers:
    """API processes of the test's own, in front of a database of its own."""

    def test_a_job_whose_worker_was_killed_goes_on_where_it_stopped(self, books: Settings) -> None:
        job = _queued(books, lines=MANY)
        with api_process(books, query_timeout_s=QUERY_TIMEOUT_S) as api:
            _poll(lambda: _job(books, job)[1] >= 2)
            api.process.send_signal(signal.SIGKILL)
            api.process.wait()
        status, finished, attempts, _ = _job(books, job)
        before = _results(books, job)
        assert (status, attempts) == ("running", 1)
        assert finished == len(before) < MANY
        with postgres.connect(books.postgres) as connection:
            connection.execute("UPDATE app.risk_job SET leased_until = now() - interval '1 second'")
        with api_process(books, query_timeout_s=QUERY_TIMEOUT_S):
            _poll(lambda: _job(books, job)[0] == "done")
        after = _results(books, job)
        assert _job(books, job) == ("done", MANY, 2, None)
        assert len(after) == MANY
        assert {line: after[line] for line in before} == before

    def test_a_job_is_given_back_with_what_it_has_when_the_api_is_stopped(self, books: Settings) -> None:
        job = _queued(books, lines=10 * MANY)
        with api_process(books, query_timeout_s=QUERY_TIMEOUT_S):
            _poll(lambda: _job(books, job)[1] >= 2)
        status, finished, attempts, _ = _job(books, job)
        assert (status, attempts) == ("queued", 0)
        assert 2 <= finished < 10 * MANY

    def test_a_job_that_no_worker_survives_is_given_up(self, books: Settings) -> None:
        job = _queued(books, lines=1)
        with postgres.connect(books.postgres) as connection:
            connection.execute("UPDATE app.risk_job SET attempts = 5")
        with api_process(books, query_timeout_s=QUERY_TIMEOUT_S):
            _poll(lambda: _job(books, job)[0] == "failed")
        assert "5 attempts" in str(_job(books, job)[3])


def _queued(books: Settings, *, lines: int) -> UUID:
    """A queued job of the demo's portfolios, written as the API writes it."""
    seed_demo(books)
    write_bars(books, {symbol for each in PORTFOLIOS for symbol, _ in each.holdings}, DAYS)
    job = uuid7(CLOCK)
    with postgres.connect(books.postgres) as connection:
        connection.execute(
            "INSERT INTO app.risk_job (id, owner_id, reads_all, method, confidence, horizon_days, window_days, "
            "total, created_at) VALUES (%s, %s, true, 'monte_carlo_normal', 0.95, 1, 300, %s, now())",
            (job, SYSTEM_USER, lines),
        )
        for line in range(lines):
            portfolio = PORTFOLIOS[line % len(PORTFOLIOS)]
            connection.execute(
                "INSERT INTO app.risk_job_item (job_id, line, portfolio_id) VALUES (%s, %s, %s)",
                (job, line, portfolio.id),
            )
    return job


def _job(books: Settings, job: UUID) -> tuple[str, int, int, str | None]:
    with postgres.connect(books.postgres) as connection:
        found = connection.execute(
            "SELECT status, finished, attempts, problem FROM app.risk_job WHERE id = %s", (job,)
        ).fetchone()
    assert found is not None
    return found[0], found[1], found[2], found[3]


def _results(books: Settings, job: UUID) -> dict[int, object]:
    with postgres.connect(books.postgres) as connection:
        rows = connection.execute(
            "SELECT line, result FROM app.risk_job_item WHERE job_id = %s AND status = 'done'", (job,)
        ).fetchall()
    return {row[0]: row[1] for row in rows}


def _poll(condition: Callable[[], bool], timeout_s: float = 180.0) -> None:
    deadline = CLOCK.monotonic() + timeout_s
    while not condition():
        assert CLOCK.monotonic() < deadline, "it did not happen in time"
        CLOCK.sleep(0.05)
