"""Rebalance policies and proposals through the API: set by their owner, computed by nobody but the job."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from psycopg.types.json import Jsonb

from lakehouse.clock import SystemClock
from lakehouse.construction.policy import Policy
from lakehouse.construction.policy_document import document, parse
from lakehouse.domain.ids import uuid7
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from tests.factories.api_users import api_user
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

PROPOSAL = {
    "state": "open",
    "status": "proposed",
    "reasons": ["first investment"],
    "regime": "sideways",
    "regime_source": "rule:ma200_vol60",
    "objective": "risk_parity",
    "value_base": "1000.00",
    "cash_before_base": "1000.00",
    "cash_after_base": "9.90",
    "drift_before": 0.95,
    "drift_after": 0.01,
    "turnover": 0.99,
    "cost_base": "0.10",
    "tax_base": "0.00",
    "volatility_before": 0.0,
    "volatility_after": 0.2,
    "var_99_before": 0.0,
    "var_99_after": 0.02,
    "es_975_before": 0.0,
    "es_975_after": 0.025,
    "trade_count": 1,
    "lots_method": "milp",
    "solver": "CLARABEL",
    "conventions": "covariance=sample",
    "weights": [{"symbol": "AAPL", "before": 0.0, "target": 0.95, "step": 0.95, "after": 0.99}],
    "versions": {"skfolio": "1"},
    "run_id": "run",
}


@pytest.fixture
def api(served: Served) -> httpx.Client:
    """A user of its own."""
    return api_user(served.settings).client(served.api.url)


def portfolio(api: httpx.Client) -> str:
    made = api.post("/api/v1/portfolios", json={"name": f"p {uuid4().hex[:8]}", "base_currency": "USD"})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def place(found: str) -> str:
    return f"/api/v1/portfolios/{found}/rebalance-policy"


def delivered(settings: Settings, portfolio_id: str, day: date, **changed: Any) -> UUID:
    """A proposal as the job delivers it."""
    made = uuid7(SystemClock())
    row = {**PROPOSAL, **changed, "id": made, "portfolio_id": portfolio_id, "business_date": day}
    row |= {"base_currency": "USD", **{name: Jsonb(row[name]) for name in ("reasons", "weights", "versions")}}
    names = ", ".join(row)
    with postgres.connect(settings.postgres) as connection:
        connection.execute(
            f"INSERT INTO app.proposal ({names}, created_at) VALUES ({', '.join(['%s'] * len(row))}, now())".encode(),
            list(row.values()),
        )
        connection.execute(
            "INSERT INTO app.proposal_trade VALUES (%s, 0, 'AAPL', 'buy', 9, 110, 990, 0.1, 0, 0, '[]', '')", (made,)
        )
    return made


def test_a_policy_is_made_read_and_replaced_with_its_version(api: httpx.Client) -> None:
    found = portfolio(api)
    assert api.get(place(found)).json()["code"] == "no_rebalance_policy"
    made = api.put(place(found), json={"frequency": "monthly", "starts_on": "2023-12-31", "universe": ["AAPL"]})
    assert made.status_code == 200, made.text
    told = made.json()
    assert (told["next_on"], told["is_overdue"], told["version"]) == ("2024-01-02", True, 1)
    assert told["aims"]["bear"]["objective"] == "mean_cvar"
    assert (told["aims"]["bear"]["cash"], told["bands"]["absolute"]) == ("0.3", "0.05")
    assert made.headers["ETag"].removeprefix("W/") == '"1"'  # weak where the answer is compressed
    assert api.get(place(found)).json() == told
    changed = {"frequency": "weekly", "pace": {"rate": "0.5"}, "aims": {"bull": {"objective": "hrp", "cash": "0.1"}}}
    replaced = api.put(place(found), json=changed, headers={"If-Match": '"1"'})
    assert replaced.status_code == 200, replaced.text
    assert (replaced.json()["pace"]["rate"], replaced.json()["universe"]) == ("0.5", [])
    assert replaced.json()["aims"]["bull"] | {"objective": "hrp", "cash": "0.1"} == replaced.json()["aims"]["bull"]
    assert api.put(place(found), json=changed, headers={"If-Match": '"1"'}).status_code == 412


def test_what_is_answered_can_be_sent_back(api: httpx.Client) -> None:
    found = portfolio(api)
    aims = {
        "sideways": {"objective": "target_weights", "targets": [{"symbol": "AAPL", "weight": "0.6"}]},
        "bull": {"objective": "risk_budgeting", "budgets": [{"symbol": "AAPL", "part": "2"}], "max_cost": "0.001"},
        "bear": {
            "objective": "target_weights",
            "targets": [{"symbol": "AAPL", "weight": "0.9"}, {"symbol": "MSFT", "weight": "-0.2"}],
            "min_weight": "-0.2",
            "max_gross": "1.3",
        },
    }
    first = api.put(
        place(found), json={"frequency": "annual", "aims": aims, "bands": {"absolute": "0.03", "to_edge": True}}
    ).json()
    assert first["bands"] == {"absolute": "0.03", "relative": "0.25", "to_edge": True}
    assert all(first["aims"][name] | aims[name] == first["aims"][name] for name in ("bull", "bear"))
    computed = {"portfolio_id", "next_on", "is_overdue", "proposed_on", "version", "updated_at"}
    again = api.put(place(found), json={name: value for name, value in first.items() if name not in computed})
    assert again.status_code == 200, again.text
    assert {**again.json(), "version": 1, "updated_at": first["updated_at"]} == first


@pytest.mark.parametrize(
    "part",
    [
        {"aims": {"bull": {"objective": "target_weights"}}},
        {"aims": {"bull": {"objective": "risk_budgeting"}}},
        {"aims": {"bear": {"objective": "hrp", "cash": "1"}}},
        {"aims": {"bear": {"objective": "min_variance", "min_weight": "-0.1"}}},
        {"aims": {"bear": {"objective": "target_weights", "targets": [{"symbol": "AAPL", "weight": "-0.1"}]}}},
        {"pace": {"rate": "0"}},
        {"universe": ["NO-SUCH-THING"]},
        {"starts_on": "9999-12-31"},
    ],
)
def test_a_policy_that_contradicts_itself_is_refused_by_name(api: httpx.Client, part: dict[str, Any]) -> None:
    answer = api.put(place(portfolio(api)), json={"frequency": "monthly", **part})
    assert answer.status_code == 409, answer.text
    assert answer.json()["code"] == "policy_refused"


def test_a_stored_policy_is_what_the_job_parses() -> None:
    policy = Policy()
    assert parse(document(policy)) == policy
    assert parse({}) == policy


def test_proposals_are_listed_and_read_by_their_owner_alone(api: httpx.Client, served: Served) -> None:
    found = portfolio(api)
    older = delivered(served.settings, found, date(2022, 12, 27), state="superseded")
    newer = delivered(served.settings, found, date(2022, 12, 28))
    page = api.get("/api/v1/proposals", params={"portfolio_id": found, "limit": 1}).json()
    assert [row["id"] for row in page["data"]] == [str(older)]
    assert [row["id"] for row in api.get(page["next"]).json()["data"]] == [str(newer)]
    now = api.get("/api/v1/proposals", params={"state": "open", "portfolio_id": found}).json()["data"]
    assert [row["id"] for row in now] == [str(newer)]
    detail = api.get(f"/api/v1/proposals/{newer}").json()
    assert detail["trades"][0] | {"symbol": "AAPL", "side": "buy", "quantity": "9"} == detail["trades"][0]
    assert detail["trades"][0]["notional"] == {"amount": "990.00", "currency": "USD"}
    assert detail["risk_after"] == {"volatility": "0.2", "var_99": "0.02", "es_975": "0.025"}
    other = api_user(served.settings).client(served.api.url)
    assert other.get(f"/api/v1/proposals/{newer}").status_code == 404
    assert other.get("/api/v1/proposals", params={"portfolio_id": found}).json()["data"] == []
    assert (
        other.get(place(found)).status_code == other.put(place(found), json={"frequency": "daily"}).status_code == 404
    )


def test_a_day_that_was_proposed_for_is_not_due_again(api: httpx.Client, served: Served) -> None:
    found = portfolio(api)
    day = SystemClock().now().date() - timedelta(days=1)
    api.put(place(found), json={"frequency": "monthly"})
    with postgres.connect(served.settings.postgres) as connection:
        connection.execute("UPDATE app.rebalance_policy SET proposed_on = %s WHERE portfolio_id = %s", (day, found))
    told = api.put(place(found), json={"frequency": "monthly", "starts_on": day.isoformat()}).json()
    assert date.fromisoformat(told["next_on"]) > day
