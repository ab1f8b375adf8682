"""Past returns as scenarios of live value at risk: aligned, adjusted, absent where there are too few."""

from base64 import b64decode
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from lakehouse.alerting.marks import Ticks
from lakehouse.alerting.memory import Memory
from lakehouse.alerting.rules import Kind
from lakehouse.quality.actions import Action, ActionKind
from lakehouse.risk.var import historical_var
from lakehouse.stores.hot_scenarios import DAYS, Past, returns_of
from streaming.hot.changes import CASH, PORTFOLIOS, RETURNS, RULES, SYMBOLS, UNITS, Sight
from streaming.hot.rules import without_var
from streaming.hot.watched import Layout, Stored, monitor_of, returns_to_text
from tests.factories.hot_core import FIRST_US, OWNERS, opening

FIRST = date(2020, 1, 1)
CLOSES = tuple(Decimal(100 + (day * 7) % 13) for day in range(DAYS + 1))


def past(symbol: str = "AAPL", closes: tuple[Decimal, ...] = CLOSES, *, skipped: int | None = None) -> Past:
    days = [FIRST + timedelta(days=number) for number in range(len(closes))]
    kept = [place for place in range(len(closes)) if place != skipped]
    return Past(symbol, [days[place] for place in kept], [closes[place] for place in kept])


def test_returns_are_simple_and_on_the_same_days() -> None:
    found = returns_of([past(), past("IBM", skipped=3)], {})

    assert found["AAPL"].shape == found["IBM"].shape == (DAYS,)
    np.testing.assert_allclose(found["AAPL"][0], 0.07)
    assert np.flatnonzero(np.isnan(found["IBM"])).tolist() == [2, 3]


def test_a_split_is_no_loss() -> None:
    halved = (*CLOSES[:250], *(close / 2 for close in CLOSES[250:]))
    split = Action(
        symbol="AAPL",
        kind=ActionKind.SPLIT,
        ex_date=FIRST + timedelta(days=250),
        ratio=Decimal(2),
        related_symbol=None,
        cost_share=None,
        amount=None,
        currency=None,
    )

    found = returns_of([past(closes=halved)], {"AAPL": [split]})

    np.testing.assert_allclose(found["AAPL"], returns_of([past()], {})["AAPL"], atol=1e-12)


def test_too_few_days_are_no_tail() -> None:
    assert returns_of([past(closes=CLOSES[:-1])], {}) == {}


def test_live_var_is_that_of_the_scenarios_at_the_worth_of_now() -> None:
    owner, returns = OWNERS[0], returns_of([past()], {})["AAPL"]
    rule = next(iter(opening(np.random.default_rng(1))[RULES].values()))
    assert isinstance(rule, dict)
    rule |= {"kind": Kind.VAR_LIVE.value, "portfolio_id": owner, "symbol": None, "limit_value": "0.001"}
    sight = Sight(
        {
            SYMBOLS: {"AAPL": "USD"},
            PORTFOLIOS: {owner: "USD"},
            UNITS: {owner: {"AAPL": 10.0}},
            CASH: {owner: 0},
            RULES: {rule["id"]: rule},
            RETURNS: {"AAPL": returns_to_text(returns)},
        }
    )
    layout = Layout(sight)
    monitor = monitor_of(layout, sight, Memory(), Stored())

    monitor.play(_tick(layout, FIRST_US))
    monitor.beat(FIRST_US + 2_000_000)
    told = monitor.play(_tick(layout, FIRST_US + 2_500_000)).crossings

    expected = historical_var(1_000.0 * returns[:, None], confidence=0.99)[0]
    assert [each.kind for each in told] == [Kind.VAR_LIVE]
    np.testing.assert_allclose(told[0].value, expected, rtol=1e-9)


def test_rules_without_a_value_at_risk_are_counted() -> None:
    rules = [{"kind": kind.value, "portfolio_id": owner} for kind in (Kind.VAR_BATCH, Kind.VAR_LIVE) for owner in "ab"]

    assert without_var(rules, {"a": 1.0}, has_scenarios=False) == 3
    assert without_var(rules, {"a": 1.0, "b": 2.0}, has_scenarios=True) == 0


def test_returns_are_read_back_bit_by_bit() -> None:
    returns = returns_of([past()], {})["AAPL"]
    assert np.array_equal(np.frombuffer(b64decode(returns_to_text(returns)), "<f8"), returns)


def _tick(layout: Layout, at_us: int) -> Ticks:
    """A trade of AAPL at 100."""
    one = np.array([layout.place["AAPL"]])
    price, unknown = np.full(1, 100.0), np.full(1, np.nan)
    return Ticks(one, np.array([at_us]), np.array([at_us]), unknown, unknown, price, np.ones(1))
