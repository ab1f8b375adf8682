"""Reads through the real API: what was stored comes back, exactly, page by page."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from lakehouse.migrations.postgres.demo import PORTFOLIOS
from lakehouse.risk.methods import BATCH_METHODS
from lakehouse.stores import postgres
from tests.integration.serving.conftest import DAYS, STRANGERS, Served

pytestmark = pytest.mark.integration

A_DAY = len(BATCH_METHODS) * 2  # rows of a portfolio on a day: every method at two confidences
CORE, INCOME, LONG_SHORT = (str(portfolio.id) for portfolio in PORTFOLIOS)


def walk(served: Served, path: str) -> Iterator[dict[str, Any]]:
    """Every row of a list, following `next` until there is none."""
    following: str | None = path
    while following is not None:
        answer = served.api.client.get(following)
        page = answer.json()
        assert answer.status_code == 200, page
        assert page["has_more"] == (page["next"] is not None)
        assert answer.links.get("next", {}).get("url") == page["next"]
        yield from page["data"]
        following = page["next"]


def key(metric: dict[str, Any]) -> tuple[str, str, str, str]:
    return metric["business_date"], metric["portfolio_id"], metric["method"], metric["confidence"]


class TestPortfolios:
    def test_pages_hold_every_portfolio_once_by_id(self, served: Served) -> None:
        found = [row["id"] for row in walk(served, "/api/v1/portfolios?limit=1")]
        assert found == sorted((CORE, INCOME, LONG_SHORT))

    @pytest.mark.parametrize(
        ("part", "names"),
        [
            ("EQUITY", ["Global Equity Core"]),
            ("& Staples", ["Health & Staples Income"]),
            ("%", []),
            ("_", []),
            ("' OR '1'='1", []),
        ],
    )
    def test_a_name_is_searched_as_it_is_written(self, served: Served, part: str, names: list[str]) -> None:
        answer = served.api.client.get("/api/v1/portfolios", params={"name": part})
        assert [row["name"] for row in answer.json()["data"]] == names

    def test_a_filter_survives_paging(self, served: Served) -> None:
        found = [row["name"] for row in walk(served, "/api/v1/portfolios?name=L&limit=1")]
        assert found == [portfolio.name for portfolio in PORTFOLIOS]

    def test_quantities_are_exact_strings_with_their_sign(self, served: Served) -> None:
        income = served.api.client.get(f"/api/v1/portfolios/{INCOME}").json()
        short = served.api.client.get(f"/api/v1/portfolios/{LONG_SHORT}").json()
        held = {position["symbol"]: position["quantity"] for position in income["positions"]}
        assert held == {symbol: str(units) for symbol, units in PORTFOLIOS[1].holdings}
        assert held["PFE"] == "2500.5"
        assert {p["symbol"] for p in short["positions"] if p["quantity"].startswith("-")} == {"CVX", "RRC", "XOM"}
        assert income["position_count"] == len(income["positions"])

    def test_who_has_it_gets_304_until_it_changes(self, served: Served) -> None:
        path = f"/api/v1/portfolios/{LONG_SHORT}"
        tag = served.api.client.get(path).headers["etag"]
        again = served.api.client.get(path, headers={"If-None-Match": tag})
        with postgres.connect(served.settings.postgres) as connection:
            connection.execute("UPDATE app.portfolio SET description = 'changed' WHERE id = %s", (LONG_SHORT,))
        changed = served.api.client.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert changed.status_code == 200
        assert changed.headers["etag"] != tag

    def test_an_unknown_one_is_named(self, served: Served) -> None:
        unknown = str(uuid4())
        problem = served.api.client.get(f"/api/v1/portfolios/{unknown}").json()
        assert (problem["status"], problem["code"]) == (404, "portfolio_not_found")
        assert unknown in problem["detail"]


class TestPortfolioRisk:
    @pytest.mark.parametrize(
        ("as_of", "expected"),
        [
            (None, "2022-12-28"),
            ("2022-12-28", "2022-12-28"),
            ("9999-12-31", "2022-12-28"),
            ("2022-12-27", "2022-12-27"),
            ("2022-12-26", "1999-12-31"),
        ],
    )
    def test_the_newest_date_up_to_as_of(self, served: Served, as_of: str | None, expected: str) -> None:
        query = {} if as_of is None else {"as_of": as_of}
        risk = served.api.client.get(f"/api/v1/portfolios/{CORE}/risk", params=query).json()
        assert (risk["as_of"], risk["business_date"]) == (as_of, expected)
        assert len(risk["metrics"]) == A_DAY
        assert {metric["business_date"] for metric in risk["metrics"]} == {expected}

    def test_amounts_come_back_to_the_cent(self, served: Served) -> None:
        metrics = served.api.client.get(f"/api/v1/portfolios/{CORE}/risk").json()["metrics"]
        stored = {
            (row[4], f"{row[5]}"): tuple(f"{amount}" for amount in row[7:10])
            for row in served.rows
            if row[0] == DAYS[-1] and str(row[1]) == CORE
        }
        found = {
            (metric["method"], metric["confidence"]): tuple(
                metric[name]["amount"] for name in ("value", "value_at_risk", "expected_shortfall")
            )
            for metric in metrics
        }
        assert found == stored
        assert {metric["value"]["currency"] for metric in metrics} == {"USD"}

    @pytest.mark.parametrize("as_of", ["1999-12-30", "0001-01-01"])
    def test_an_absence_is_explained_and_is_not_zero(self, served: Served, as_of: str) -> None:
        answer = served.api.client.get(f"/api/v1/portfolios/{CORE}/risk", params={"as_of": as_of})
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (404, "risk_not_published")
        assert "not a risk of zero" in problem["detail"]
        assert as_of in problem["detail"]

    def test_no_risk_yet_and_no_portfolio_are_told_apart(self, served: Served) -> None:
        codes = [
            served.api.client.get(f"/api/v1/portfolios/{portfolio}/risk").json()["code"]
            for portfolio in (LONG_SHORT, str(STRANGERS[0]))
        ]
        assert codes == ["risk_not_published", "portfolio_not_found"]

    def test_the_tag_spares_the_transfer(self, served: Served) -> None:
        path = f"/api/v1/portfolios/{CORE}/risk"
        first = served.api.client.get(path)
        again = served.api.client.get(path, headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
        assert (again.status_code, again.headers["etag"]) == (304, first.headers["etag"])
        assert first.headers["cache-control"] == "private, no-cache"

    @pytest.mark.parametrize("as_of", ["yesterday", "2022-12-32", "0", "20221228", "2022-12-28T00:00:00Z"])
    def test_what_is_no_date_is_pointed_at(self, served: Served, as_of: str) -> None:
        problem = served.api.client.get(f"/api/v1/portfolios/{CORE}/risk", params={"as_of": as_of}).json()
        assert problem["status"] == 422
        assert [error["pointer"] for error in problem["errors"]] == ["/query/as_of"]


class TestRiskMetrics:
    @pytest.mark.parametrize("limit", [1, 7, 500])
    def test_pages_hold_every_row_once_in_order(self, served: Served, limit: int) -> None:
        found = [key(row) for row in walk(served, f"/api/v1/risk-metrics?limit={limit}")]
        stored = sorted((f"{row[0]}", f"{row[1]}", f"{row[4]}", f"{row[5]}") for row in served.rows)
        by_newest = [row for day in reversed(DAYS) for row in stored if row[0] == str(day)]
        assert found == by_newest

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ({"portfolio_id": CORE}, 3 * A_DAY),
            ({"portfolio_id": str(uuid4())}, 0),
            ({"method": "historical"}, 24),
            ({"confidence": "0.99"}, 6 * A_DAY),
            ({"confidence": "0.99000"}, 6 * A_DAY),
            ({"confidence": "0.9"}, 0),
            ({"date_from": "2022-12-28"}, 4 * A_DAY),
            ({"date_to": "1999-12-31"}, 4 * A_DAY),
            ({"date_from": "2022-12-27", "date_to": "2022-12-27", "method": "historical", "confidence": "0.95"}, 4),
        ],
    )
    def test_filters(self, served: Served, query: dict[str, str], count: int) -> None:
        found = served.api.client.get("/api/v1/risk-metrics", params={**query, "limit": "500"}).json()
        assert len(found["data"]) == count

    def test_a_filter_survives_paging(self, served: Served) -> None:
        found = list(walk(served, "/api/v1/risk-metrics?limit=5&confidence=0.95&method=cornish_fisher"))
        assert len({key(row) for row in found}) == len(found) == 12

    def test_a_cursor_of_other_filters_is_refused(self, served: Served) -> None:
        following = served.api.client.get("/api/v1/risk-metrics?limit=5&confidence=0.95").json()["next"]
        answer = served.api.client.get(following.replace("0.95", "0.99"))
        assert (answer.status_code, answer.json()["code"]) == (409, "cursor_mismatch")

    @pytest.mark.parametrize(
        ("query", "status", "code"),
        [
            ("cursor=AAAAAAAAAAAA", 409, "cursor_mismatch"),
            ("cursor=%00", 422, "invalid_request"),
            ("date_from=2022-01-02&date_to=2022-01-01", 409, "empty_date_range"),
            ("method=guess", 422, "invalid_request"),
            ("confidence=1.5", 422, "invalid_request"),
            ("confidence=NaN", 422, "invalid_request"),
            ("limit=0", 422, "invalid_request"),
            ("limit=1000000000", 422, "invalid_request"),
            ("portfolioid=x", 422, "invalid_request"),
        ],
    )
    def test_refusals(self, served: Served, query: str, status: int, code: str) -> None:
        answer = served.api.client.get(f"/api/v1/risk-metrics?{query}")
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"


def test_many_at_once(served: Served) -> None:
    paths = [f"/api/v1/portfolios/{CORE}/risk", "/api/v1/portfolios", "/api/v1/risk-metrics?limit=3"] * 30
    with ThreadPoolExecutor(12) as pool:
        statuses = [answer.status_code for answer in pool.map(served.api.client.get, paths)]
    assert statuses == [200] * len(paths)
