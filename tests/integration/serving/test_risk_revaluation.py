"""Options and bonds in risk on request: numbers that QuantLib and NumPy give by another way, and what is missing."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
import QuantLib as ql

from lakehouse.settings import Settings
from lakehouse.stores import postgres
from tests.factories.bars import LAST, walk, write_bars
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

REVALUE = "/api/v1/risk-metrics/revalue"
DAYS, WINDOW = 320, 250
SHARE = "SHARE"  # whose walk every share here takes: their own names are new in each run
TODAY = ql.Date(LAST.day, LAST.month, LAST.year)
COUNT = ql.Actual365Fixed()
EXPIRY = LAST + timedelta(days=183)
TERMS = {"coupon_rate": "0.04", "coupons_per_year": 2, "day_count": "act/act", "issued_on": "2020-05-15",
         "matures_on": "2032-05-15"}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def evaluated_on() -> Iterator[None]:
    """QuantLib prices as of the last close."""
    before = ql.Settings.instance().evaluationDate
    ql.Settings.instance().evaluationDate = TODAY
    yield
    ql.Settings.instance().evaluationDate = before


@pytest.fixture
def admin(served: Served) -> httpx.Client:
    return served.api.client


def add(admin: httpx.Client, **changes: object) -> str:
    symbol = f"R{uuid4().hex[:12].upper()}"
    body = {"symbol": symbol, "name": "A test's", "currency": "USD", "exchange": "XNYS", **changes}
    admin.post("/api/v1/instruments", json=body).raise_for_status()
    return symbol


def share(served: Served) -> tuple[str, "np.ndarray[Any, Any]"]:
    symbol = add(served.api.client)
    write_bars(served.settings, [symbol], DAYS, like=SHARE)
    return symbol, np.array([float(close) for _, close in walk(SHARE, DAYS)])


def option(admin: httpx.Client, underlying: str, strike: float, **changes: object) -> str:
    terms = {
        "symbol": add(admin, kind="option", multiplier="100"), "underlying": underlying, "option_right": "call",
        "style": "european", "strike": f"{strike:.4f}", "expires_on": EXPIRY.isoformat(), **changes,
    }  # fmt: skip
    answer = admin.post("/api/v1/options", json=terms)
    assert answer.status_code == 201, answer.text
    return str(terms["symbol"])


def bond(admin: httpx.Client, **changes: object) -> str:
    symbol = add(admin, kind="bond", multiplier="10")
    terms = {"symbol": symbol, "issuer": "Republic of Test", "face_value": "1000", **TERMS, **changes}
    admin.post("/api/v1/bonds", json=terms).raise_for_status()
    return symbol


def write_closes(settings: Settings, symbol: str, closes: dict[date, Decimal]) -> None:
    with postgres.connect(settings.postgres) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO market.bar (symbol, interval, starts_at, close, provider, received_at) "
            "VALUES (%s, '1d', %s, %s, 'test', now())",
            [(symbol, f"{day} 00:00:00+00", close) for day, close in closes.items()],
        )


def measured(client: httpx.Client, *positions: tuple[str, str], **asked: object) -> dict[str, Any]:
    lines = [
        {"symbol": symbol, "quantity": quantity.lstrip("-"), "side": "short" if "-" in quantity else "long"}
        for symbol, quantity in positions
    ]
    answer = client.post(REVALUE, json={"positions": lines, "days": WINDOW, "rate": "0.03", **asked}, timeout=60)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def quoted(strike: float, volatility: float) -> Callable[[float], ql.VanillaOption]:
    """A European call of QuantLib at a spot, half a year to expiry, rate 3 %."""

    def at(spot: float) -> ql.VanillaOption:
        process = ql.BlackScholesProcess(
            ql.QuoteHandle(ql.SimpleQuote(spot)), ql.YieldTermStructureHandle(ql.FlatForward(TODAY, 0.03, COUNT)),
            ql.BlackVolTermStructureHandle(ql.BlackConstantVol(TODAY, ql.NullCalendar(), volatility, COUNT)),
        )  # fmt: skip
        found = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Call, strike), ql.EuropeanExercise(TODAY + 183))
        found.setPricingEngine(ql.AnalyticEuropeanEngine(process))
        return found

    return at


def quantlib_bond(rate: float) -> float:
    """Dirty price per 100 of the bond of TERMS at a flat continuous rate, actual days over 365."""
    schedule = ql.Schedule(
        ql.Date(15, 5, 2020), ql.Date(15, 5, 2032), ql.Period(6, ql.Months), ql.NullCalendar(), ql.Unadjusted,
        ql.Unadjusted, ql.DateGeneration.Backward, False,
    )  # fmt: skip
    found = ql.FixedRateBond(0, 100.0, schedule, [0.04], ql.ActualActual(ql.ActualActual.ISMA, schedule))
    found.setPricingEngine(ql.DiscountingBondEngine(ql.YieldTermStructureHandle(ql.FlatForward(TODAY, rate, COUNT))))
    return float(found.NPV())


def tail(pnl: "np.ndarray[Any, Any]", confidence: float = 0.95) -> tuple[float, float]:
    """VaR as the order statistic ceil(n c), and ES with the last loss by its fraction, in the plainest way."""
    losses = np.sort(-pnl)
    mass = round(len(losses) * (1 - confidence), 9)
    whole = int(mass)
    shortfall = (losses[len(losses) - whole :].sum() + (mass - whole) * losses[-whole - 1]) / mass
    return float(losses[int(np.ceil(round(len(losses) * confidence, 9))) - 1]), float(shortfall)


def numbers(found: dict[str, Any]) -> tuple[float, float]:
    return float(found["value_at_risk"]["amount"]), float(found["expected_shortfall"]["amount"])


class TestOptions:
    def test_a_covered_call_is_what_quantlib_reprices(self, served: Served, alice: httpx.Client) -> None:
        symbol, closes = share(served)
        spot = closes[-1]
        call = option(served.api.client, symbol, round(spot, 4))
        at = quoted(round(spot, 4), 0.3)
        returns = closes[-WINDOW:] / closes[-WINDOW - 1 : -1] - 1
        now = at(spot)
        gains = {
            "full": np.array([at(spot * (1 + move)).NPV() for move in returns]) - now.NPV(),
            "delta": now.delta() * spot * returns,
            "delta_gamma": now.delta() * spot * returns + 0.5 * now.gamma() * (spot * returns) ** 2,
        }
        for valuation, gain in gains.items():
            found = measured(
                alice, (symbol, "250"), (call, "-3"), valuation=valuation, confidence="0.95",
                inputs=[{"symbol": call, "volatility": "0.3"}],
            )  # fmt: skip
            pnl = 250 * spot * returns - 300 * gain
            assert numbers(found) == pytest.approx(tail(pnl), abs=0.02)
            for name, total in (("component_var", "value_at_risk"), ("component_es", "expected_shortfall")):
                parts = sum(Decimal(each[name]["amount"]) for each in found["positions"])
                assert parts == Decimal(found[total]["amount"])
            assert float(found["value"]["amount"]) == pytest.approx(250 * spot - 300 * now.NPV(), abs=0.01)
            assert (found["business_date"], found["observations"], found["outcomes"]) == (str(LAST), WINDOW, WINDOW)
            assert f"valuation={valuation};quantile=lower;" in found["convention"]
        told = {each["symbol"]: each for each in found["positions"]}
        assert told[call]["factor"] == told[symbol]["factor"] == f"{symbol} price"
        assert float(told[call]["sensitivity"]) == pytest.approx(-300 * now.delta() * spot * 0.01, rel=1e-6)
        assert float(told[call]["curvature"]) == pytest.approx(-150 * now.gamma() * (spot * 0.01) ** 2, rel=1e-6)
        assert [(each["name"], each["source"]) for each in told[call]["inputs"]] == [
            ("price", "close"), ("volatility", "request"), ("rate", "request"), ("dividend_yield", "assumed"),
        ]  # fmt: skip

    @pytest.mark.parametrize("style", ["european", "american"])
    def test_a_volatility_is_implied_by_the_newest_close(self, served: Served, alice: httpx.Client, style: str) -> None:
        symbol, closes = share(served)
        call = option(served.api.client, symbol, round(closes[-1], 4), style=style)
        # Without dividends an American call is worth what the European one is.
        price = quoted(round(closes[-1], 4), 0.27)(closes[-1]).NPV()
        write_closes(served.settings, call, {LAST: Decimal(f"{price:.6f}")})
        found = measured(alice, (call, "1"), confidence="0.95")
        (line,) = found["positions"]
        volatility = next(each for each in line["inputs"] if each["name"] == "volatility")
        assert volatility["value"] == pytest.approx(0.27, abs=1e-4)
        assert (volatility["source"], volatility["on"]) == ("implied", str(LAST))
        assert float(line["value"]["amount"]) == pytest.approx(100 * price, abs=0.05)
        assert line["model"] == ("black_scholes_merton" if style == "european" else "andersen_lake_offengenden")

    def test_drawn_scenarios_and_the_closed_form_agree_for_small_options(
        self, served: Served, alice: httpx.Client
    ) -> None:
        symbol, closes = share(served)
        call = option(served.api.client, symbol, round(closes[-1], 4))
        same: dict[str, Any] = {"confidence": "0.95", "inputs": [{"symbol": call, "volatility": "0.3"}]}
        normal = measured(alice, (symbol, "1000"), (call, "1"), scenarios="monte_carlo_normal", **same)
        copula = measured(alice, (symbol, "1000"), (call, "1"), scenarios="monte_carlo_t_copula", **same)
        closed = measured(alice, (symbol, "1000"), (call, "1"), scenarios="parametric", valuation="delta_gamma", **same)
        deviation = np.std(closes[-WINDOW:] / closes[-WINDOW - 1 : -1] - 1, ddof=1)
        rough = 1.6449 * deviation * closes[-1] * 1055
        for found, outcomes in ((normal, 10_000), (copula, 10_000), (closed, 0)):
            assert numbers(found)[0] == pytest.approx(rough, rel=0.12)
            assert numbers(found)[1] > numbers(found)[0]
            assert found["outcomes"] == outcomes
        assert "copula=t,dof=" in copula["convention"]
        assert "philox:seed=" in normal["convention"]
        assert measured(alice, (symbol, "1000"), (call, "1"), scenarios="monte_carlo_normal", **same) == normal

    def test_a_longer_horizon_compounds_and_other_quantiles_are_named(
        self, served: Served, alice: httpx.Client
    ) -> None:
        symbol, closes = share(served)
        found = measured(alice, (symbol, "-7"), confidence="0.9", horizon_days=10, quantile="linear")
        moves = closes[-WINDOW - 1 :][10:] / closes[-WINDOW - 1 :][:-10] - 1
        losses = 7 * closes[-1] * moves
        assert numbers(found)[0] == pytest.approx(np.quantile(losses, 0.9), abs=0.02)
        assert "quantile=linear;" in found["convention"]
        assert "horizon=10d,overlapping_moves" in found["convention"]


class TestBonds:
    def test_a_bond_moves_with_the_yields_that_its_closes_tell(self, served: Served, alice: httpx.Client) -> None:
        held = bond(served.api.client)
        days = [LAST - timedelta(days=n) for n in range(DAYS - 1, -1, -1)]
        dice = np.random.default_rng(3)
        closes = [Decimal(f"{price:.4f}") for price in 96 + np.cumsum(dice.normal(0, 0.15, DAYS))]
        write_closes(served.settings, held, dict(zip(days, closes, strict=True)))
        found = measured(alice, (held, "20"), confidence="0.95")
        (line,) = found["positions"]
        (told,) = line["inputs"]
        # Dirty is clean plus 43 of 181 days of the half-yearly coupon of 2.
        dirty = float(closes[-1]) + 2 * 43 / 181
        assert quantlib_bond(told["value"]) == pytest.approx(dirty, abs=1e-6)
        assert float(found["value"]["amount"]) == pytest.approx(20 * 10 * dirty, abs=0.01)
        slope = (quantlib_bond(told["value"] + 1e-4) - quantlib_bond(told["value"] - 1e-4)) / 2
        assert float(line["sensitivity"]) == pytest.approx(200 * slope, rel=1e-4)
        assert line["factor"] == f"{held} yield"
        # Clean prices of a day are as far apart as the dirty ones at both yields, but for a day's interest.
        moves = np.diff([float(close) for close in closes[-WINDOW - 1 :]])
        assert numbers(found)[0] == pytest.approx(tail(200 * moves)[0], rel=0.03)

    def test_one_without_closes_moves_with_another_and_is_priced_by_its_yield(
        self, served: Served, alice: httpx.Client
    ) -> None:
        other, held = bond(served.api.client), bond(served.api.client)
        days = [LAST - timedelta(days=n) for n in range(DAYS - 1, -1, -1)]
        prices = 100 + np.cumsum(np.random.default_rng(5).normal(0, 0.1, DAYS))
        write_closes(
            served.settings, other, {day: Decimal(f"{price:.4f}") for day, price in zip(days, prices, strict=True)}
        )
        refused = alice.post(REVALUE, json={"positions": [{"symbol": held, "quantity": "1"}], "days": WINDOW})
        assert (refused.status_code, refused.json()["code"]) == (409, "history_missing")
        assert held in refused.json()["detail"]
        assert "yields_of" in refused.json()["detail"]
        told = {"symbol": held, "yields_of": other}
        refused = alice.post(
            REVALUE, json={"positions": [{"symbol": held, "quantity": "1"}], "days": WINDOW, "inputs": [told]}
        )
        assert (refused.status_code, refused.json()["code"]) == (409, "input_missing")
        found = measured(alice, (held, "1"), (other, "-1"), inputs=[{**told, "bond_yield": "0.05"}])
        line = next(each for each in found["positions"] if each["symbol"] == held)
        assert float(line["value"]["amount"]) == pytest.approx(10 * quantlib_bond(0.05), abs=0.01)
        assert line["factor"] == f"{other} yield"


class TestPortfolios:
    def test_what_is_held_and_what_is_thought_of_are_measured_together(
        self, served: Served, alice: httpx.Client
    ) -> None:
        symbol, closes = share(served)
        call = option(served.api.client, symbol, round(closes[-1], 4))
        made = alice.post("/api/v1/portfolios", json={"name": "Covered"}).json()["id"]
        empty = alice.post(REVALUE, json={"portfolio_id": made})
        assert (empty.status_code, empty.json()["code"]) == (409, "nothing_held")
        with postgres.connect(served.settings.postgres) as connection:
            connection.execute(
                "INSERT INTO app.position (portfolio_id, symbol, quantity) VALUES (%s, %s, 100), (%s, %s, -1)",
                (made, symbol, made, call),
            )
        same: dict[str, Any] = {"inputs": [{"symbol": call, "volatility": "0.3"}]}
        held = measured(alice, portfolio_id=made, **same)
        alone = measured(alice, (symbol, "100"), (call, "-1"), **same)
        assert {**alone, "portfolio_id": made} == held
        hedged = measured(alice, (call, "1"), portfolio_id=made)
        assert [each["symbol"] for each in hedged["positions"]] == [symbol]
        others = served.api.client.post("/api/v1/portfolios", json={"name": "An admin's"}).json()["id"]
        answer = alice.post(REVALUE, json={"portfolio_id": others})
        assert (answer.status_code, answer.json()["code"]) == (404, "portfolio_not_found")

    def test_what_is_priced_abroad_moves_with_the_exchange_rate_too(self, served: Served, alice: httpx.Client) -> None:
        admin = served.api.client
        symbol = add(admin, currency="SEK")
        write_bars(served.settings, [symbol], DAYS, like=SHARE)
        closes = np.array([float(close) for _, close in walk(SHARE, DAYS)])
        call = option(admin, symbol, round(closes[-1], 4),
                      symbol=add(admin, kind="option", multiplier="100", currency="SEK"))  # fmt: skip
        rates = np.round(0.1 * np.exp(np.cumsum(np.random.default_rng(8).normal(0, 0.005, DAYS))), 6)
        with postgres.connect(served.settings.postgres) as connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO market.fx_rate (base, quote, as_of, rate, provider) VALUES ('SEK', 'USD', %s, %s, 'test')",
                [(LAST - timedelta(days=DAYS - 1 - n), Decimal(f"{rate:.6f}")) for n, rate in enumerate(rates)],
            )
        found = measured(
            alice, (symbol, "100"), (call, "-1"), base_currency="USD", confidence="0.95",
            inputs=[{"symbol": call, "volatility": "0.3"}],
        )  # fmt: skip
        at, spot = quoted(round(closes[-1], 4), 0.3), closes[-1]
        values = np.array(
            [100 * close - 100 * at(close).NPV() for close in spot * closes[-WINDOW:] / closes[-WINDOW - 1 : -1]]
        )
        turned = rates[-1] * rates[-WINDOW:] / rates[-WINDOW - 1 : -1]
        now = (100 * spot - 100 * at(spot).NPV()) * rates[-1]
        assert numbers(found) == pytest.approx(tail(values * turned - now), abs=0.02)
        assert float(found["value"]["amount"]) == pytest.approx(now, abs=0.01)
        assert found["base_currency"] == found["value"]["currency"] == "USD"
        told = found["positions"][0]["inputs"][-1]
        assert (told["name"], told["value"], told["on"]) == ("exchange_rate", rates[-1], str(LAST))

    def test_what_is_missing_is_named_with_its_remedy(self, served: Served, alice: httpx.Client) -> None:
        admin = served.api.client
        symbol, closes = share(served)
        call, unpriced = option(admin, symbol, 100.0), option(admin, add(admin), 100.0)
        gone = option(admin, symbol, 100.0, expires_on="2022-06-30")
        bare = add(admin, kind="option", multiplier="100")
        foreign = option(admin, symbol, 101.0, symbol=add(admin, kind="option", currency="EUR"))
        abroad = add(admin, currency="CHF")
        write_bars(served.settings, [abroad], DAYS, like="ABROAD")
        put = option(admin, symbol, round(closes[-1], 4), style="american", option_right="put")
        late, stale = (option(admin, symbol, strike) for strike in (102.0, 103.0))
        write_closes(served.settings, late, {LAST + timedelta(days=1): Decimal(7)})
        write_closes(served.settings, stale, {LAST - timedelta(days=30): Decimal(7)})
        known: dict[str, Any] = {"rate": "0.03", "inputs": [{"symbol": call, "volatility": "0.3"}]}
        cases: list[tuple[str, dict[str, Any], str, str]] = [
            ("NOSUCHTHING", {}, "unknown_reference", "NOSUCHTHING"),
            (bare, {}, "terms_missing", f"{bare} is of the kind option and has no terms"),
            (call, {"rate": "0.03"}, "input_missing", f"There is no close of {call}: give the volatility"),
            (call, {"inputs": known["inputs"]}, "input_missing", f"{call} is priced by an interest rate"),
            (late, {"rate": "0.03"}, "input_missing", f"no close of {symbol} of 2022-12-29"),
            (stale, {"rate": "0.03"}, "input_missing", f"The newest close of {stale} is of 2022-11-28"),
            (unpriced, known, "history_missing", f"which {unpriced} is an option on"),
            (gone, known, "risk_not_computable", f"{gone} expired on 2022-06-30"),
            (foreign, known, "currency_mismatch", f"{foreign} is priced in EUR and {symbol}, which it is an option on"),
            (abroad, {"base_currency": "USD"}, "rate_missing", "CHF"),
            (call, {**known, "scenarios": "parametric"}, "risk_not_computable", "full revaluation needs scenarios"),
            (call, {**known, "days": 2000}, "risk_not_computable", "2001 needed"),
        ]
        for name, asked, code, words in cases:
            body = {"positions": [{"symbol": name, "quantity": "1"}], "days": WINDOW, **asked}
            answer = alice.post(REVALUE, json=body)
            assert (answer.status_code, answer.json()["code"]) == (409, code), answer.text
            assert words in answer.json()["detail"]
        many = [{"symbol": put, "quantity": "1"}] + [
            {"symbol": option(admin, symbol, 90.0 + n, style="american"), "quantity": "1"} for n in range(20)
        ]
        answer = alice.post(
            REVALUE,
            json={"positions": many, "scenarios": "monte_carlo_normal", "draws": 20_000, "rate": "0.03",
                  "days": WINDOW},
        )  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (409, "risk_not_computable")
        assert "fewer `draws`" in answer.json()["detail"]

    @pytest.mark.parametrize(
        "change",
        [
            {"confidence": "0.4"},
            {"valuation": "theta"},
            {"scenarios": "none"},
            {"draws": 10},
            {"rate": "3"},
            {"positions": [{"symbol": "AAPL", "quantity": "-1"}]},
            {"inputs": [{"symbol": "AAPL", "vola": "0.2"}]},
            {"portfolio_id": None},
        ],
    )
    def test_what_the_schema_forbids_is_422(self, alice: httpx.Client, change: dict[str, object]) -> None:
        assert alice.post(REVALUE, json=change).status_code == 422
