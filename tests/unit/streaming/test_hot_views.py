"""What of portfolios is told to Redis, in parts and whole."""

import json
from decimal import Decimal

import numpy as np

from lakehouse.alerting.columns import NEVER
from streaming.hot.changes import CASH, PORTFOLIOS
from streaming.hot.views import PARTS, Portfolios
from tests.factories.hot_core import core_of

QUANTA = [0, 1, -1, 9_999, -9_999, 10_000, -10_000, 123_456_789, -123_456_789, 2**60]
OWNERS = [f"p{number:02d}" for number in range(3 * PARTS + 1)]


def test_amounts_are_exact_decimal_text_and_unknown_ones_are_null() -> None:
    core = core_of()
    core.change({PORTFOLIOS: dict.fromkeys(OWNERS, "USD"), CASH: dict(zip(OWNERS, QUANTA, strict=False))})

    told = {owner: json.loads(text) for owner, text in Portfolios().whole(core).items()}

    equity = np.array(core.monitor.equity)[: len(QUANTA)].tolist()
    assert equity == QUANTA
    assert [Decimal(told[owner]["equity"] or "0") * 10_000 for owner in OWNERS[: len(QUANTA)]] == QUANTA
    opened = np.stack(core.monitor.standing)[4] != NEVER
    assert [told[owner]["opening"] is not None for owner in OWNERS] == opened.tolist()


def test_parts_together_tell_each_portfolio_once_and_then_only_what_moved() -> None:
    core, shown = core_of(), Portfolios()
    core.change({PORTFOLIOS: dict.fromkeys(OWNERS, "USD"), CASH: dict.fromkeys(OWNERS, 10_000)})

    first = [owner for _ in range(PARTS) for owner in shown.moved(core)]
    again = [owner for _ in range(PARTS) for owner in shown.moved(core)]
    core.change({CASH: {OWNERS[5]: 20_000}})
    moved = [owner for _ in range(PARTS) for owner in shown.moved(core)]

    assert sorted(first) == OWNERS
    assert again == []
    assert moved == [OWNERS[5]]
