"""What published risk comes from and how its forecasts have done, read by its owner from the ClickHouse copies."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest

from lakehouse.contracts.tables.gold import PORTFOLIO_RISK
from lakehouse.contracts.tables.risk import BACKTEST_TESTS, COMPONENT_RISK
from lakehouse.migrations.postgres.demo import PORTFOLIOS
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

MINE, UNPUBLISHED = PORTFOLIOS[0].id, PORTFOLIOS[2].id
DAY, BEFORE = date(2031, 3, 4), date(2031, 3, 3)
LEVEL = Decimal("0.99")
PARTS = {"AAPL": (Decimal("70.01"), Decimal("90.00")), "HEDGE": (Decimal("-20.00"), Decimal("-29.99"))}


def component(day: date, group: str) -> dict[str, Any]:
    var, shortfall = PARTS[group]
    return {
        "business_date": day,
        "portfolio_id": MINE,
        "base_currency": "USD",
        "method": "historical",
        "confidence": LEVEL,
        "horizon_days": 1,
        "grouping": "instrument",
        "group_name": group,
        "exposure_base": Decimal("1000.00"),
        "component_var_base": var,
        "component_es_base": shortfall,
        "marginal_var": float(var) / 1000,
        "marginal_es": None,
        "incremental_var_base": var,
        "incremental_es_base": None,
        "run_id": "run-2",
    }


def risk(day: date) -> dict[str, Any]:
    return {
        **dict.fromkeys(("portfolio_name", "convention"), "text"),
        "business_date": day,
        "portfolio_id": MINE,
        "base_currency": "USD",
        "method": "historical",
        "confidence": LEVEL,
        "horizon_days": 1,
        "value_base": Decimal(1000),
        "var_base": Decimal("50.01"),
        "es_base": Decimal("60.01"),
        "observations": 500,
        "scenarios": 500,
        "breaches": 3,
        "backtest_days": 250,
        "run_id": "run-2",
    }


def verdict(day: date) -> dict[str, Any]:
    numbers = [column.name for column in BACKTEST_TESTS.columns if column.name.endswith(("_statistic", "_p_value"))]
    return {
        **dict.fromkeys(numbers, 0.5),
        "business_date": day,
        "portfolio_id": MINE,
        "portfolio_name": "text",
        "method": "historical",
        "confidence": LEVEL,
        "forecasts": 250,
        "breaches": 6,
        "expected_breaches": 2.5,
        "first_breach_day": 17,
        "zone": "yellow",
        "cumulative_probability": 0.98,
        "multiplier": 3.5,
        "z1": None,
        "z1_p_value": None,
        "z2": -0.4,
        "null_model": "student_t,dof=5",
        "refit_days": 1,
        "run_id": "run-2",
    }


@pytest.fixture(scope="module")
def published(served: Served) -> Iterator[httpx.Client]:
    """The marts with two days of details, and the API."""
    rows = {
        COMPONENT_RISK: [component(day, group) for day in (BEFORE, DAY) for group in PARTS],
        BACKTEST_TESTS: [verdict(DAY)],
        PORTFOLIO_RISK: [risk(day) for day in (BEFORE, DAY)],
    }
    with served.clickhouse.client(database=served.settings.clickhouse.database) as client:
        for table, made in rows.items():
            values = [[row[name] for name in table.column_names] for row in made]
            client.insert(table.short_name, values, column_names=table.column_names)
        yield served.api.client
        for table in rows:
            column = f"business_date IN ('{BEFORE}', '{DAY}')"
            client.command(f"DELETE FROM {table.short_name} WHERE {column}")


def path(portfolio: UUID, what: str) -> str:
    return f"/api/v1/portfolios/{portfolio}/risk/{what}"


def test_components_sum_to_the_measure_and_the_largest_comes_first(published: httpx.Client) -> None:
    found = published.get(path(MINE, "components")).json()
    assert (found["business_date"], found["run_id"]) == (str(DAY), "run-2")
    assert [part["group"] for part in found["components"]] == ["AAPL", "HEDGE"]
    for name in ("value_at_risk", "expected_shortfall"):
        total = sum(Decimal(part[name]["amount"]) for part in found["components"])
        assert total == Decimal(found[name]["amount"])
    assert found["components"][1]["marginal_value_at_risk"] == pytest.approx(-0.02)
    assert found["components"][1]["incremental_expected_shortfall"] is None


def test_an_earlier_day_is_read_as_of_it(published: httpx.Client) -> None:
    found = published.get(path(MINE, "components"), params={"as_of": str(BEFORE)}).json()
    assert found["business_date"] == str(BEFORE)


def test_verdicts_are_told_with_what_could_not_be_asked(published: httpx.Client) -> None:
    answer = published.get(path(MINE, "backtest"))
    (found,) = answer.json()["verdicts"]
    assert (found["zone"], found["multiplier"], found["breaches"]) == ("yellow", 3.5, 6)
    assert found["z1"] is found["z1_p_value"] is None
    assert (found["z2"], found["confidence"]) == (-0.4, "0.99")
    again = published.get(path(MINE, "backtest"), headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("what", ["components", "backtest"])
def test_what_was_not_published_is_an_absence_and_not_a_zero(published: httpx.Client, what: str) -> None:
    answer = published.get(path(UNPUBLISHED, what))
    assert (answer.status_code, answer.json()["code"]) == (404, "risk_not_published")
    early = published.get(path(MINE, what), params={"as_of": "1990-01-01"})
    assert (early.status_code, early.json()["code"]) == (404, "risk_not_published")


def test_a_method_that_is_not_taken_apart_has_no_components(published: httpx.Client) -> None:
    answer = published.get(path(MINE, "components"), params={"method": "cornish_fisher"})
    assert (answer.status_code, answer.json()["code"]) == (404, "risk_not_published")
    assert published.get(path(MINE, "components"), params={"grouping": "colour"}).status_code == 422


def test_another_s_portfolio_does_not_exist(published: httpx.Client, alice: httpx.Client) -> None:
    for what in ("components", "backtest"):
        answer = alice.get(path(MINE, what))
        assert (answer.status_code, answer.json()["code"]) == (404, "portfolio_not_found")
