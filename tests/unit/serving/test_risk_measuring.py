"""Risk on request of an instrument that was split and paid a dividend: neither is a loss."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from lakehouse.quality.actions import Action, ActionKind
from lakehouse.risk import Method
from serving.risk.history import Closes
from serving.risk.measuring import Ask, Holding, compute

LAST = date(2022, 12, 28)
DAYS = 120
ASK = Ask(method=Method.HISTORICAL, confidence=Decimal("0.95"), horizon_days=1, window_days=DAYS - 1)
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

    assert compute(HELD, closes(traded), "USD", ASK, [split, other]) == plain
    assert compute(HELD, closes(traded), "USD", ASK).expected_shortfall > 2 * plain.expected_shortfall


def test_an_action_after_the_last_close_changes_nothing() -> None:
    coming = Action(symbol="A", kind=ActionKind.SPLIT, ex_date=LAST + timedelta(days=1), ratio=Decimal(2))
    assert compute(HELD, closes(PRICES), "USD", ASK, [coming]) == compute(HELD, closes(PRICES), "USD", ASK)
