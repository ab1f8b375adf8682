"""What published risk comes from, how its forecasts have done, stress and explained days, as their owner reads them."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest

from lakehouse.contracts.tables.gold import PORTFOLIO_RISK
from lakehouse.contracts.tables.risk import BACKTEST_TESTS, COMPONENT_RISK
from lakehouse.contracts.tables.stress import PARTS as OF_A_DAY, PNL_EXPLAIN, STRESS
from lakehouse.migrations.postgres.demo import PORTFOLIOS
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

MINE, UNEXPLAINED, UNPUBLISHED = (portfolio.id for portfolio in PORTFOLIOS)
DAY, BEFORE = date(2031, 3, 4), date(2031, 3, 3)
LEVEL = Decimal("0.99")
GAINS = {"AAPL": ("-70.01", "-71.00", "0.99"), "KO": ("20.00", "25.00", "-5.00")}
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


def scenario(day: date, name: str, pnl: str | None, **more: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(STRESS.column_names),
        "business_date": day,
        "portfolio_id": MINE,
        "portfolio_name": "text",
        "base_currency": "USD",
        "kind": "historical",
        "scenario": name,
        "title": "text",
        "value_base": Decimal(1000),
        "pnl_base": pnl and Decimal(pnl),
        "detail": "",
        "reason": "" if pnl else "no closes of KO in the lake",
        "run_id": "run-2",
        **more,
    }


def item(day: date, symbol: str) -> dict[str, Any]:
    total, price, trades = map(Decimal, GAINS[symbol])
    return {
        **{f"{part}_base": Decimal(0) for part in OF_A_DAY},
        "business_date": day,
        "portfolio_id": MINE,
        "portfolio_name": "text",
        "base_currency": "USD",
        "previous_date": BEFORE,
        "item_kind": "instrument",
        "item": symbol,
        "value_before_base": Decimal(1000),
        "value_after_base": Decimal(900),
        "total_base": total,
        "price_base": price,
        "new_trades_base": trades,
        "basis": "copy",
        "reason": "",
        "run_id": "run-2",
    }


def unmeasured(day: date) -> dict[str, Any]:
    return {
        **item(day, "KO"),
        **{name: None for name in PNL_EXPLAIN.column_names if name.endswith("_base")},
        "portfolio_id": UNEXPLAINED,
        "previous_date": None,
        "item_kind": "portfolio",
        "item": "",
        "basis": "",
        "reason": "KO has no close of 2031-03-03",
    }


@pytest.fixture(scope="module")
def published(served: Served) -> Iterator[httpx.Client]:
    """The marts with two days of details, and the API."""
    crisis = {"worst_base": Decimal("-350.00"), "worst_date": DAY, "first_date": BEFORE, "last_date": DAY}
    rows = {
        COMPONENT_RISK: [component(day, group) for day in (BEFORE, DAY) for group in PARTS],
        BACKTEST_TESTS: [verdict(DAY)],
        PORTFOLIO_RISK: [risk(day) for day in (BEFORE, DAY)],
        STRESS: [
            scenario(BEFORE, "covid_2020", "-1.00"),
            scenario(DAY, "black_monday_1987", None),
            scenario(DAY, "q4_2018", "-190.00"),
            scenario(DAY, "covid_2020", "-300.00", **crisis),
            scenario(DAY, "lose_10", "-100.00", kind="reverse", distance=7.5),
        ],
        PNL_EXPLAIN: [*(item(day, symbol) for day in (BEFORE, DAY) for symbol in GAINS), unmeasured(DAY)],
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


def test_scenarios_come_worst_first_and_an_unmeasured_one_has_a_reason_and_no_number(published: httpx.Client) -> None:
    found = published.get(path(MINE, "stress")).json()
    assert (found["business_date"], found["run_id"], found["value"]["amount"]) == (str(DAY), "run-2", "1000.00")
    worst, mild, unknown, far = found["scenarios"]
    assert (worst["scenario"], worst["profit_and_loss"]["amount"], worst["reason"]) == ("covid_2020", "-300.00", None)
    assert (worst["worst"]["amount"], worst["first_date"]) == ("-350.00", str(BEFORE))
    assert mild["worst"] is mild["distance"] is None
    assert unknown["profit_and_loss"] is unknown["worst"] is None
    assert unknown["reason"] == "no closes of KO in the lake"
    assert (far["kind"], far["distance"]) == ("reverse", 7.5)
    assert worst["source"].startswith("S&P 500 closing high of 19 February")
    assert far["source"] is None
    earlier = published.get(path(MINE, "stress"), params={"as_of": str(BEFORE)}).json()
    assert [each["profit_and_loss"]["amount"] for each in earlier["scenarios"]] == ["-1.00"]


def test_a_day_is_the_sum_of_its_items_and_each_of_its_parts(published: httpx.Client) -> None:
    answer = published.get(path(MINE, "pnl-explain"))
    found = answer.json()
    assert (found["previous_date"], found["basis"], found["reason"]) == (str(BEFORE), "copy", None)
    assert [each["item"] for each in found["items"]] == ["AAPL", "KO"]
    for gain in (found["whole"], *found["items"]):
        assert Decimal(gain["total"]["amount"]) == sum(Decimal(gain[part]["amount"]) for part in OF_A_DAY)
    for name in ("value_before", "value_after", "total", *OF_A_DAY):
        total = sum(Decimal(each[name]["amount"]) for each in found["items"])
        assert Decimal(found["whole"][name]["amount"]) == total
    assert found["whole"]["total"] == {"amount": "-50.01", "currency": "USD"}
    again = published.get(path(MINE, "pnl-explain"), headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_a_day_that_cannot_be_measured_says_why(published: httpx.Client) -> None:
    found = published.get(path(UNEXPLAINED, "pnl-explain")).json()
    assert found["whole"] is found["basis"] is found["previous_date"] is None
    assert (found["items"], found["reason"]) == ([], "KO has no close of 2031-03-03")


@pytest.mark.parametrize("what", ["components", "backtest", "stress", "pnl-explain"])
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
    for what in ("components", "backtest", "stress", "pnl-explain"):
        answer = alice.get(path(MINE, what))
        assert (answer.status_code, answer.json()["code"]) == (404, "portfolio_not_found")
