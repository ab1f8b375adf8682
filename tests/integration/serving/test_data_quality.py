"""What was found in data, through the API: the newest first, filtered, page by page."""

from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from lakehouse.contracts.quality import Grade
from lakehouse.stores import postgres
from spark_jobs.kit.findings import Finding, Found, keep, known
from tests.factories.api_users import api_user
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

NOON = datetime(2022, 12, 28, 12, tzinfo=UTC)
DAY = NOON.date()
TABLE = "silver.daily_bars_v1"


def keep_all(served: Served, run_id: str, at: datetime, *found: Finding) -> None:
    with postgres.connect(served.settings.postgres) as connection:
        keep(connection, Found(run_id, "quality_daily", DAY, at), found)


@pytest.fixture
def api(served: Served) -> httpx.Client:
    """A user, with findings of two runs."""
    gap = Finding(TABLE, "business_date has no gap over 5 days by symbol", "Gap", Grade.WARN, 3, "3 rows")
    prints = [
        Finding(TABLE, "bad_print", "defect", Grade.WARN, 1, f"close {name}", name, DAY - timedelta(days=age))
        for age, name in enumerate(("AAPL", "MSFT", "GE"))
    ]
    keep_all(served, "r1", NOON, gap)
    keep_all(served, "r1", NOON, gap)  # a run that is recorded again replaces what it found
    keep_all(
        served, "r2", NOON + timedelta(hours=1), *prints, Finding(TABLE, "close > 0", "Satisfies", Grade.FAIL, 2, "2")
    )
    return api_user(served.settings).client(served.api.url)


def listed(api: httpx.Client, **query: str | int) -> list[tuple[str, str | None]]:
    answer = api.get("/api/v1/data-quality", params=query)
    assert answer.status_code == 200, answer.text
    return [(found["check"], found["symbol"]) for found in answer.json()["data"]]


def test_findings_are_listed_with_the_newest_first_and_once(api: httpx.Client) -> None:
    found = listed(api)
    assert len(found) == len(set(found)) == 5
    assert found[-1] == ("business_date has no gap over 5 days by symbol", None)
    first = api.get("/api/v1/data-quality", params={"symbol": "MSFT"}).json()["data"][0]
    assert (first["as_of"], first["grade"], first["rows"], first["run_id"]) == ("2022-12-27", "warn", 1, "r2")


def test_filters_choose(api: httpx.Client) -> None:
    assert listed(api, grade="fail") == [("close > 0", None)]
    assert len(listed(api, check="bad_print", date_from="2022-12-27")) == 2
    assert listed(api, check="bad_print", date_to="2022-12-26") == [("bad_print", "GE")]
    assert len(listed(api, run_id="r2", table=TABLE)) == 4
    assert listed(api, table="gold.returns_daily_v1") == []


def test_pages_follow_each_other(api: httpx.Client) -> None:
    seen, path = [], "/api/v1/data-quality?limit=2"
    while path:
        answer = api.get(path).json()
        seen += [found["id"] for found in answer["data"]]
        path = answer["next"]
    assert seen == [found["id"] for found in api.get("/api/v1/data-quality").json()["data"]]


def test_nobody_writes_them_here(api: httpx.Client, served: Served) -> None:
    refused = api.post("/api/v1/data-quality", json={})
    assert refused.status_code == 405
    assert "correct the data" in refused.json()["detail"]
    with postgres.connect(served.settings.postgres) as connection:
        assert (TABLE, "bad_print", "GE", date(2022, 12, 26), 1, "close GE") in known(connection, "quality_daily")
