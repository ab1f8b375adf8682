"""Options and bonds valued in a market that the caller names: the numbers of the textbooks, and what has no price."""

from uuid import uuid4

import httpx
import pytest

from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration


def codes(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture
def admin(served: Served) -> httpx.Client:
    return served.api.client


def add(admin: httpx.Client, **changes: object) -> str:
    symbol = f"V{uuid4().hex[:12].upper()}"
    body = {"symbol": symbol, "name": "A test's", "currency": "USD", "exchange": "XNYS", **changes}
    admin.post("/api/v1/instruments", json=body).raise_for_status()
    return symbol


def option(admin: httpx.Client, **changes: object) -> str:
    terms = {
        "symbol": add(admin, kind="option", multiplier="100"), "underlying": add(admin), "option_right": "call",
        "style": "european", "strike": "40", "expires_on": "2024-07-01", **changes,
    }  # fmt: skip
    answer = admin.post("/api/v1/options", json=terms)
    assert answer.status_code == 201, answer.text
    return f"{answer.headers['Location']}/valuation"


def bond(admin: httpx.Client, **changes: object) -> str:
    terms = {
        "symbol": add(admin, kind="bond"), "issuer": "Republic of Test", "face_value": "1000", "coupon_rate": "0.05",
        "coupons_per_year": 2, "day_count": "act/act", "issued_on": "1996-06-15", "matures_on": "2002-06-15", **changes,
    }  # fmt: skip
    answer = admin.post("/api/v1/bonds", json=terms)
    assert answer.status_code == 201, answer.text
    return f"{answer.headers['Location']}/valuation"


def test_a_european_option_is_the_textbooks(admin: httpx.Client, alice: httpx.Client) -> None:
    # Hull, "Options, Futures and Other Derivatives", example 15.6: 4.76. Half a year is 182.5 days.
    at = option(admin)
    asked = {"spot": "42", "volatility": "0.2", "rate": "0.1", "on": "2024-01-01", "quoted_price": "4.76"}
    found = alice.get(at, params=asked).json()
    assert float(found["price"]) == pytest.approx(4.76, abs=0.01)
    assert float(found["contract_value"]) == pytest.approx(476, abs=1)
    assert found["greeks"]["delta"] == pytest.approx(0.779, abs=0.001)
    assert found["implied_volatility"] == pytest.approx(0.2, abs=0.001)
    assert (found["method"], found["currency"], found["on"]) == ("black_scholes_merton", "USD", "2024-01-01")
    # No volatility gives a price below its bound.
    assert alice.get(at, params={**asked, "quoted_price": "1"}).json()["implied_volatility"] is None


def test_an_american_option_is_worth_its_early_exercise(admin: httpx.Client, alice: httpx.Client) -> None:
    # Longstaff and Schwartz (2001), table 1, S = 36: 4.478 with 50 days of exercise a year, 4.4867 with all of them.
    at = option(admin, option_right="put", style="american", expires_on="2024-12-31")
    found = alice.get(at, params={"spot": "36", "volatility": "0.2", "rate": "0.06", "on": "2024-01-01"}).json()
    assert float(found["price"]) == pytest.approx(4.4867, abs=1e-4)
    assert (found["years"], found["method"], found["implied_volatility"]) == (1.0, "andersen_lake_offengenden", None)
    assert -1 < found["greeks"]["delta"] < 0 < found["greeks"]["gamma"]


def test_a_bond_is_what_its_price_says(admin: httpx.Client, alice: httpx.Client) -> None:
    # mathworks.com/help/finance/bndyield.html and bndprice.html.
    at = bond(admin)
    found = alice.get(at, params={"clean_price": "95", "on": "1997-01-20"}).json()
    assert found["bond_yield"] == pytest.approx(0.0610, abs=5e-5)
    assert float(found["accrued_interest"]) == pytest.approx(0.4945, abs=5e-5)
    assert float(found["unit_value"]) == pytest.approx(954.945, abs=0.001)
    assert float(found["dv01"]) == pytest.approx(found["modified_years"] * float(found["dirty_price"]) * 1e-4, abs=1e-7)
    simple = alice.get(at, params={"clean_price": "99", "on": "2002-03-01", "yield_rule": "simple_then_compounded"})
    assert simple.json()["bond_yield"] > 0.05


def test_what_has_no_price_is_refused_and_what_is_unknown_is_not_found(
    admin: httpx.Client, alice: httpx.Client
) -> None:
    expired = {"spot": "42", "volatility": "0.2", "on": "2024-07-02"}
    assert codes(alice.get(option(admin), params=expired)) == (409, "not_priceable")
    endless = {"spot": "42", "volatility": "0.2", "rate": "-0.9", "on": "0001-01-01"}
    assert codes(alice.get(option(admin), params=endless)) == (409, "not_priceable")
    at = bond(admin)
    for day in ("1996-06-14", "2002-06-15"):
        assert codes(alice.get(at, params={"clean_price": "95", "on": day})) == (409, "not_priceable")
    for room, asked in (("bonds", {"clean_price": "95"}), ("options", {"spot": "1", "volatility": "0.2"})):
        assert codes(alice.get(f"/api/v1/{room}/{uuid4()}/valuation", params=asked)) == (404, "not_found")
    for asked in ({}, {"clean_price": "-1"}, {"clean_price": "95", "yield": "0.05"}):
        assert alice.get(at, params=asked).status_code == 422


def test_without_a_day_it_is_today(admin: httpx.Client, alice: httpx.Client) -> None:
    found = alice.get(option(admin, expires_on="2099-01-01"), params={"spot": "42", "volatility": "0.2"}).json()
    later = alice.get(bond(admin, matures_on="2099-06-15"), params={"clean_price": "100"}).json()
    assert found["on"] == later["on"] > "2024-01-01"
