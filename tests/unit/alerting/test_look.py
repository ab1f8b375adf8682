"""One look at the newest prices: what is broken, what is back, what a look cannot know."""

import pytest

from lakehouse.alerting.look import Holdings, Price, Seen, Standing, look
from lakehouse.alerting.rules import Kind, Rule

NOW_US = 1_700_000_000_000_000
HOLDINGS = Holdings(
    symbols={"AAPL": "USD", "IBM": "USD", "SAP": "EUR", "TCS": "INR"},
    portfolios={"long": "USD", "mixed": "USD", "poor": "USD", "empty": "USD", "owing": "USD"},
    units={
        "long": {"AAPL": 10.0},
        "mixed": {"AAPL": -5.0, "SAP": 10.0},
        "poor": {"TCS": 1.0},
        "owing": {"AAPL": 1.0},
    },
    cash={"long": 0, "mixed": 20_000_000, "poor": 0, "empty": 0, "owing": None},
    rates={"EUR/USD": 1.25},
)
PRICES = {
    "AAPL": Price(NOW_US, 100.0),
    "IBM": Price(NOW_US - 90_000_000, 50.0, 50.2, 50.1),
    "SAP": Price(NOW_US - 1_000_000, 80.0),
    "TCS": Price(NOW_US, 3.0),
}
BROKEN, BETWEEN, BACK, UNKNOWN = Standing


def seen(
    kind: Kind,
    limit: float = float("nan"),
    *,
    hysteresis: float = 0.0,
    is_amount: bool = False,
    symbol: str | None = None,
    portfolio: str | None = None,
) -> Seen:
    rule = Rule(
        id="one",
        kind=kind,
        limit=limit,
        hysteresis=hysteresis,
        is_amount=is_amount,
        symbol=symbol,
        portfolio=portfolio,
    )
    [found] = look(HOLDINGS, [rule], PRICES)
    return found


@pytest.mark.parametrize(
    ("kind", "limit", "portfolio", "standing"),
    [
        (Kind.STOP_LOSS, 100.0, "long", BROKEN),
        (Kind.STOP_LOSS, 99.5, "long", BETWEEN),
        (Kind.STOP_LOSS, 98.0, "long", BACK),
        (Kind.STOP_LOSS, 100.0, "mixed", BROKEN),  # held short: a price above
        (Kind.STOP_LOSS, 100.5, "mixed", BETWEEN),
        (Kind.STOP_LOSS, 98.0, "mixed", BROKEN),
        (Kind.TAKE_PROFIT, 98.0, "long", BROKEN),
        (Kind.TAKE_PROFIT, 98.0, "mixed", BACK),
        (Kind.TAKE_PROFIT, 120.0, "empty", UNKNOWN),
    ],
)
def test_positions(kind: Kind, limit: float, portfolio: str, standing: Standing) -> None:
    found = seen(kind, limit, hysteresis=0.01, portfolio=portfolio, symbol="AAPL")
    assert found.standing is standing
    if found.crossing is not None:
        assert (found.crossing.value, found.crossing.bound) == (100.0, limit)


def test_symbols() -> None:
    assert seen(Kind.PRICE_ABOVE, 100.0, symbol="AAPL").standing is BROKEN
    assert seen(Kind.PRICE_ABOVE, 100.5, symbol="AAPL", hysteresis=0.01).standing is BETWEEN
    assert seen(Kind.PRICE_BELOW, 99.0, symbol="AAPL").standing is BACK
    assert seen(Kind.CROSSED_QUOTE, symbol="IBM").standing is BROKEN
    assert seen(Kind.CROSSED_QUOTE, symbol="AAPL").standing is BACK
    stale = seen(Kind.STALE_QUOTE, 60.0, symbol="IBM")
    assert stale.crossing is not None
    assert (stale.standing, stale.crossing.value, stale.crossing.row) == (BROKEN, 90.0, -1)
    assert seen(Kind.STALE_QUOTE, 60.0, symbol="SAP").standing is BACK, "the ticks before it do not age it"


def test_portfolios_are_valued_as_tick_by_tick() -> None:
    # 2,000 cash - 500 AAPL + 10 * 80 EUR * 1.25 = 2,500 of equity, 1,500 gross, the largest 1,000
    for kind, amount, share in ((Kind.GROSS_EXPOSURE, 1500.0, 0.6), (Kind.CONCENTRATION, 1000.0, 0.4)):
        at = seen(kind, amount, is_amount=True, portfolio="mixed")
        assert at.crossing is not None
        assert (at.crossing.value, at.crossing.bound) == (amount, amount)
        assert seen(kind, amount + 0.01, is_amount=True, portfolio="mixed").standing is BACK
        assert seen(kind, share, portfolio="mixed").standing is BROKEN
        assert seen(kind, share + 0.001, portfolio="mixed").standing is BACK


@pytest.mark.parametrize("kind", [Kind.DRAWDOWN, Kind.DAILY_LOSS, Kind.VAR_BATCH, Kind.VAR_LIVE])
def test_what_needs_a_past_is_not_judged(kind: Kind) -> None:
    found = seen(kind, 0.000001, portfolio="long")
    assert (found.standing, found.crossing) == (UNKNOWN, None)
    assert found.reason


@pytest.mark.parametrize("portfolio", ["poor", "empty", "owing"])
def test_what_is_not_wholly_priced_is_not_judged(portfolio: str) -> None:
    found = seen(Kind.GROSS_EXPOSURE, 0.01, is_amount=True, portfolio=portfolio)
    assert (found.standing, found.crossing) == (UNKNOWN, None)
    assert found.reason
