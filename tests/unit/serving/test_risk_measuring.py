"""Risk on request: a split or dividend is no loss, and a foreign holding moves with its exchange rate."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from lakehouse.portfolio.fx import Quoted, Rates
from lakehouse.quality.actions import Action, ActionKind
from lakehouse.risk import Method
from serving.risk.history import Closes, NotComputable
from serving.risk.measuring import Ask, Holding, compute

LAST = date(2022, 12, 28)
DAYS = 120
D = Decimal
ASK = Ask(method=Method.HISTORICAL, confidence=Decimal("0.95"), horizon_days=1, window_days=DAYS - 1)
WORST = Ask(method=Method.HISTORICAL, confidence=Decimal("0.99"), horizon_days=1, window_days=DAYS - 1)
EUROS = [Holding("A", "EUR", Decimal(1), Decimal(100))]
HELD = [Holding("A", "USD", Decimal(1), Decimal(100))]
PRICES = [Decimal(f"{price:.2f}") for price in 50 * np.cumprod(1 + np.random.default_rng(5).normal(0, 0.01, DAYS))]
DATES = [LAST - timedelta(days=DAYS - 1 - number) for number in range(DAYS)]


def closes(prices: list[Decimal]) -> dict[str, Closes]:
    return {"A": Closes("A", DATES, prices)}


def test_a_split_changes_no_risk() -> None:
    split = Action(symbol="A", kind=ActionKind.SPLIT, ex_date=DATES[60], ratio=Decimal(4))
    other = Action(symbol="B", kind=ActionKind.SPLIT, ex_date=DATES[60], ratio=Decimal(9))
    traded = [price * 4 if number < 60 else price for number, price in enumerate(PRICES)]

    plain = compute(HELD, closes(PRICES), "USD", ASK)

    assert compute(HELD, closes(traded), "USD", ASK, actions=[split, other]) == plain
    assert compute(HELD, closes(traded), "USD", ASK).expected_shortfall > 2 * plain.expected_shortfall


def test_an_action_after_the_last_close_changes_nothing() -> None:
    coming = Action(symbol="A", kind=ActionKind.SPLIT, ex_date=LAST + timedelta(days=1), ratio=Decimal(2))
    assert compute(HELD, closes(PRICES), "USD", ASK, actions=[coming]) == compute(HELD, closes(PRICES), "USD", ASK)


class TestAnotherCurrency:
    FALLS = Rates(
        [Quoted("EUR", "USD", day, D("1.2") if number < 100 else D("0.9")) for number, day in enumerate(DATES)]
    )

    def test_a_rate_that_stands_still_scales_value_and_risk(self) -> None:
        still = Rates([Quoted("EUR", "USD", day, D("1.25")) for day in DATES])
        own, foreign = (
            compute(HELD, closes(PRICES), "USD", ASK),
            compute(EUROS, closes(PRICES), "USD", ASK, rates=still),
        )
        assert foreign.value == own.value * D("1.25")
        assert abs(foreign.value_at_risk - own.value_at_risk * D("1.25")) <= D("0.01")

    def test_a_fall_of_the_rate_is_a_loss(self) -> None:
        flat = closes([D(100)] * DAYS)
        found = compute(EUROS, flat, "USD", WORST, rates=self.FALLS)
        assert found.value == D("9000.00")
        # One day of 119 loses 0.9 / 1.2 - 1 = -25 %: the worst 1.19 days lose 2250 / 1.19 on average.
        assert found.expected_shortfall == D("1890.76")

    def test_a_missing_rate_is_named_with_its_day(self) -> None:
        late = Rates([Quoted("EUR", "USD", LAST, D(1))])
        with pytest.raises(
            NotComputable, match=rf"no rate of EUR to USD of {DATES[0]}.*PUT /api/v1/fx-rates"
        ) as missing:
            compute(EUROS, closes(PRICES), "USD", ASK, rates=late)
        assert missing.value.code == "rate_missing"
