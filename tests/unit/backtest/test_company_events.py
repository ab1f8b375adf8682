"""Corporate actions from the books in a backtest's market, and the benchmark that is bought and held through them."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from lakehouse.backtest.benchmark import bought_and_held
from lakehouse.backtest.market import Action, BadMarket, adjusted_close
from lakehouse.backtest.rules import Costs, Rules
from lakehouse.backtest.tables import Event, with_events
from lakehouse.quality import actions as books
from tests.factories.backtests import flat


def event(symbol: str, day: str, scale: float = 1.0, cash: float = 0.0) -> Event:
    return Event(symbol, np.datetime64(day), scale, cash)


def test_events_fall_on_the_first_day_from_their_ex_date_and_others_are_left_out() -> None:
    days = np.array(["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"], dtype="datetime64[D]")
    market = replace(flat([10, 10, 5, 5], [8, 8, 8, 8]), dates=days)
    split, paid, both = (
        event("A", "2024-01-06", 0.5),
        event("B", "2024-01-09", cash=0.4),
        event("A", "2024-01-06", 1, 2),
    )
    late, early, strange = event("A", "2024-02-01", 0.5), event("A", "2024-01-04", 0.5), event("Z", "2024-01-08", 0.5)
    found = with_events(market, [paid, split, late, early, strange])
    assert found.actions == (Action(2, 0, 2.0), Action(3, 1, 1.0, 0.4))
    # 2 a unit before the split of two for one is 1 a unit after it.
    assert with_events(market, [split, both]).actions == (Action(2, 0, 2.0, 1.0),)


def test_closes_are_adjusted_as_the_books_adjust_them() -> None:
    first = date(2024, 1, 1)
    acted = [
        books.Action(symbol="A", kind=books.ActionKind.SPLIT, ex_date=first + timedelta(2), ratio=Decimal(4)),
        books.Action(
            symbol="A", kind=books.ActionKind.DIVIDEND, ex_date=first + timedelta(4), amount=Decimal(1), currency="USD"
        ),
        books.Action(
            symbol="A",
            kind=books.ActionKind.SPIN_OFF,
            ex_date=first + timedelta(5),
            ratio=Decimal("0.25"),
            related_symbol="B",
            cost_share=Decimal("0.1"),
        ),
    ]
    closes = [100.0, 104.0, 26.5, 27.0, 25.5, 23.0, 23.5]
    days = [first + timedelta(n) for n in range(len(closes))]
    theirs = np.array([float(price) for price in books.adjust(days, list(map(Fraction, closes)), acted)])
    told = [event("A", str(each.ex_date), float(each.scale), float(each.amount or 0)) for each in acted]
    ours = adjusted_close(with_events(flat(closes), told))[:, 0]
    np.testing.assert_allclose(ours / ours[0], theirs / theirs[0])


def test_what_is_bought_and_held_keeps_its_worth_through_events_and_pays_no_costs() -> None:
    market = with_events(
        replace(flat([10, 10, 5, 4], [8, 8, 8, np.nan]), delisting_return=np.array([0.0, -0.5])),
        [event("A", "2024-01-03", 0.5), event("A", "2024-01-04", cash=1.0)],
    )
    rules = Rules(initial_cash=800.0, lot=100.0, costs=Costs(commission_bps=50, minimum=5))
    # 400 in A, 40 units that become 80 and are paid 80; 400 in B, of which half is lost when it ends.
    np.testing.assert_allclose(bought_and_held(market, rules), [1.0, 1.0, 1.0, 600 / 800])


def test_an_index_begins_with_the_first_trade() -> None:
    index = bought_and_held(flat([np.nan, np.nan, 10, 10, 11]), Rules())
    assert index.tolist() == pytest.approx([1.0, 1.0, 1.0, 1.0, 1.1])


def test_a_delisted_instrument_costs_no_more_than_all_of_it() -> None:
    with pytest.raises(BadMarket, match="delisting_return"):
        replace(flat([1, 1]), delisting_return=np.array([-1.5]))
