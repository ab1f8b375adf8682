"""A look at rules that need a past: judged by what is known of it, as tick by tick, and by name where nothing is."""

from dataclasses import replace

import numpy as np
import pytest

from lakehouse.alerting.look import Holdings, Price, Seen, Standing, look
from lakehouse.alerting.past import WHY, Past, Stop, Trail, equity_of, stop_of
from lakehouse.alerting.rules import Kind, Rule

NOW_US = 1_700_000_000_000_000
HOLDINGS = Holdings(
    symbols={"AAPL": "USD", "SAP": "EUR"},
    portfolios={"long": "USD", "poor": "USD"},
    units={"long": {"AAPL": 10.0, "SAP": 10.0}, "poor": {"AAPL": 1.0}},
    cash={"long": 10_000_000, "poor": 0},
    rates={"EUR/USD": 1.25},
)
PRICES = {"AAPL": Price(NOW_US, 100.0), "SAP": Price(NOW_US - 5_000_000, 80.0)}
EQUITY = 3_000.0  # 1,000 of cash, 10 at 100, 10 at 80 EUR of 1.25
BROKEN, BETWEEN, BACK, UNKNOWN = Standing


def rule(kind: Kind, limit: float, *, is_amount: bool = False, symbol: str | None = None) -> Rule:
    return Rule(id="one", kind=kind, limit=limit, hysteresis=0.1, is_amount=is_amount, symbol=symbol, portfolio="long")


def seen(of: Rule, past: Past) -> Seen:
    [found] = look(HOLDINGS, [of], PRICES, past)
    return found


@pytest.mark.parametrize(
    ("kind", "past", "limit", "standing", "value"),
    [
        (Kind.DRAWDOWN, Past(peak={"long": 40_000_000}), 0.25, BROKEN, 1_000.0),
        (Kind.DRAWDOWN, Past(peak={"long": 40_000_000}), 0.26, BETWEEN, None),
        (Kind.DRAWDOWN, Past(peak={"long": 40_000_000}), 0.3, BACK, None),
        (Kind.DRAWDOWN, Past(peak={"long": 1}), 0.01, BACK, None),  # it is higher now
        (Kind.DAILY_LOSS, Past(opening={"long": 32_000_000}), 0.0625, BROKEN, 200.0),
        (Kind.DAILY_LOSS, Past(opening={"long": 32_000_000}), 0.08, BACK, None),
        (Kind.VAR_BATCH, Past(var={"long": 300.0}), 0.1, BROKEN, 300.0),
        (Kind.VAR_BATCH, Past(var={"long": 300.0}), 0.2, BACK, None),
    ],
)
def test_portfolios(kind: Kind, past: Past, limit: float, standing: Standing, value: float | None) -> None:
    found = seen(rule(kind, limit), past)
    assert found.standing is standing
    assert (None if found.crossing is None else found.crossing.value) == value


def test_live_value_at_risk_is_that_of_the_stored_days() -> None:
    fall = np.full(500, 0.001)
    fall[:10] = -0.1  # of both: 10 % of 2,000 that are held
    past = Past(returns={"AAPL": fall, "SAP": fall})
    for amount, standing in ((200.0, BROKEN), (210.0, BETWEEN), (250.0, BACK)):
        found = seen(rule(Kind.VAR_LIVE, amount, is_amount=True), past)
        assert found.standing is standing
        if found.crossing is not None:
            assert found.crossing.value == pytest.approx(200.0)
            assert found.crossing.at_us == NOW_US
    short = replace(past, returns={"AAPL": fall})
    assert seen(rule(Kind.VAR_LIVE, 200.0), short).reason == WHY[Kind.VAR_LIVE]


def test_a_trailing_stop_is_judged_where_it_stands() -> None:
    trailing = rule(Kind.TRAILING_STOP, 0.1, symbol="AAPL")
    for stop, standing in ((100.0, BROKEN), (95.0, BETWEEN), (90.0, BACK)):
        found = seen(trailing, Past(stops={"one": stop}))
        assert found.standing is standing
        if found.crossing is not None:
            assert (found.crossing.kind, found.crossing.bound) == (Kind.TRAILING_STOP, 100.0)


@pytest.mark.parametrize(
    ("units", "trail", "stop"),
    [
        (10.0, Trail(high=120.0, low=70.0), Stop(108.0, is_told=False)),
        (10.0, Trail(high=99.0, low=70.0), Stop(90.0, is_told=False)),  # the newest price is the best
        (-10.0, Trail(high=120.0, low=80.0), Stop(88.0, is_told=False)),
        (10.0, Trail(high=108.0, low=70.0, told=100.0), Stop(100.0, is_told=True)),  # not back by a tenth
        (10.0, Trail(high=120.0, low=70.0, told=100.0), Stop(108.0, is_told=False)),
        (-10.0, Trail(high=140.0, low=97.0, told=100.0), Stop(100.0, is_told=True)),
        (-10.0, Trail(high=140.0, low=80.0, told=100.0), Stop(88.0, is_told=False)),
    ],
)
def test_a_stop_follows_the_best_price_until_it_is_told_and_again_once_it_is_back(
    units: float, trail: Trail, stop: Stop
) -> None:
    trailing = rule(Kind.TRAILING_STOP, 0.1, symbol="AAPL")
    found = stop_of(trailing, units, 100.0, trail)
    assert found.price == pytest.approx(stop.price)
    assert found.is_told is stop.is_told
    if trail.told is not None:
        assert stop_of(replace(trailing, once=True), units, 100.0, trail) == Stop(100.0, is_told=True)


@pytest.mark.parametrize("kind", list(WHY))
def test_where_nothing_is_known_the_kind_says_why(kind: Kind) -> None:
    found = seen(rule(kind, 0.000001, symbol="AAPL" if kind is Kind.TRAILING_STOP else None), Past())
    assert (found.standing, found.reason) == (UNKNOWN, WHY[kind])


def test_an_opening_is_of_portfolios_that_were_wholly_priced() -> None:
    assert equity_of(HOLDINGS.book, {"AAPL": 100.0, "SAP": 80.0}) == {"long": EQUITY * 10_000, "poor": 1_000_000}
    assert equity_of(HOLDINGS.book, {"AAPL": 100.0}) == {"poor": 1_000_000}
