"""The event-driven gear with orders of every kind."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from lakehouse.backtest.event import Played, play
from lakehouse.backtest.market import Action, Market
from lakehouse.backtest.orderbook import BadIntent
from lakehouse.backtest.orders import Intent, Seen, Withdraw
from lakehouse.backtest.rules import Costs, Fill, Rules
from lakehouse.trading.order import TimeInForce
from tests.factories.backtests import bars, flat

RULES = Rules(initial_cash=1000.0)


@dataclass
class Script:
    """Places what is written down for each day, and remembers what it saw."""

    days: dict[int, Sequence[Intent | Withdraw]]
    seen: list[Seen] = field(default_factory=list)

    def decide(self, seen: Seen) -> Sequence[Intent | Withdraw]:
        self.seen.append(seen)
        return self.days.get(seen.day, ())


def run(market: Market, *placed: Intent, rules: Rules = RULES) -> Played:
    return play(market, Script({0: placed}), rules)


def prices(played: Played) -> list[tuple[int, float, float]]:
    trades = played.result.trades
    return list(zip(trades.day.tolist(), trades.units.round(9).tolist(), trades.price.round(9).tolist(), strict=True))


THREE = bars((10, 10, 10, 10), (10, 12, 9, 11), (11, 15, 8, 14))


def test_a_day_order_lapses_and_one_until_canceled_works_on() -> None:
    assert prices(run(THREE, Intent(column=0, units=5, limit=8.5))) == []
    waits = Intent(column=0, units=5, limit=8.5, time_in_force=TimeInForce.GTC)
    assert prices(run(THREE, waits)) == [(2, 5.0, 8.5)]


def test_a_stop_suffers_slippage_and_a_limit_does_not() -> None:
    rules = replace(RULES, costs=Costs(half_spread_bps=100))
    assert prices(run(THREE, Intent(column=0, units=5, stop=11.0), rules=rules)) == [(1, 5.0, 11.11)]
    assert prices(run(THREE, Intent(column=0, units=5, limit=9.5), rules=rules)) == [(1, 5.0, 9.5)]


def test_of_two_possible_stories_the_worse_one_is_told() -> None:
    held = Intent(column=0, units=10)
    exits = (
        Intent(column=0, units=-10, limit=13.0, time_in_force=TimeInForce.GTC, oco="exit"),
        Intent(column=0, units=-10, stop=8.5, time_in_force=TimeInForce.GTC, oco="exit"),
    )
    played = run(THREE, held._replace(then=exits))
    # The bar of day 2 holds both 13 and 8.5; the stop goes first and cancels the other.
    assert prices(played) == [(1, 10.0, 10.0), (2, -10.0, 8.5)]


def test_exits_work_from_the_bar_after_their_entry() -> None:
    market = bars((10, 10, 10, 10), (10, 20, 5, 10), (10, 10, 10, 10))
    stop = Intent(column=0, units=-10, stop=6.0, time_in_force=TimeInForce.GTC)
    assert prices(run(market, Intent(column=0, units=10, then=(stop,)))) == [(1, 10.0, 10.0)]


def test_a_sibling_is_cut_to_what_a_partial_fill_left() -> None:
    market = replace(THREE, volume=THREE.volume * 0 + 40)
    rules = replace(RULES, max_volume_share=0.1)
    script = Script(
        {
            0: (
                Intent(column=0, units=10, limit=11.5, time_in_force=TimeInForce.GTC, oco="one"),
                Intent(column=0, units=10, limit=7.0, time_in_force=TimeInForce.GTC, oco="one"),
            )
        }
    )
    played = play(market, script, rules)
    assert prices(played) == [(1, 4.0, 10.0), (2, 4.0, 11.0)]
    assert [order.resting.leaves for order in script.seen[1].working] == [6.0, 6.0]


def test_two_orders_share_the_volume_of_a_bar() -> None:
    market = replace(THREE, volume=THREE.volume * 0 + 60)
    limits = (Intent(column=0, units=4, limit=9.5), Intent(column=0, units=4, limit=9.4))
    assert prices(run(market, *limits, rules=replace(RULES, max_volume_share=0.1))) == [(1, 4.0, 9.5), (1, 2.0, 9.4)]


def test_a_withdrawn_order_is_gone() -> None:
    waits = Intent(column=0, units=5, limit=8.5, time_in_force=TimeInForce.GTC)
    assert prices(play(THREE, Script({0: (waits,), 1: (Withdraw(1), Withdraw(77))}), RULES)) == []


def test_a_split_moves_prices_and_units_of_working_orders() -> None:
    market = replace(bars((10, 10, 10, 10), (10, 10, 10, 10), (5, 5, 4, 5)), actions=(Action(2, 0, 2.0),))
    waits = Intent(column=0, units=5, limit=9.0, time_in_force=TimeInForce.GTC)
    assert prices(run(market, waits)) == [(2, 10.0, 4.5)]


def test_orders_of_a_delisted_instrument_end() -> None:
    nan = float("nan")
    script = Script({0: (Intent(column=0, units=5, limit=1.0, time_in_force=TimeInForce.GTC),)})
    play(flat([10, 10, nan, nan], [5, 5, 5, 5]), script, RULES)
    assert [len(seen.working) for seen in script.seen] == [0, 1, 0, 0]


def test_credit_is_bounded_for_orders_in_the_course_of_the_day() -> None:
    played = run(THREE, Intent(column=0, units=1000, limit=9.5))
    assert prices(played) == [(1, 100.0, 9.5)]
    assert played.result.cash.min() >= 0


def test_market_orders_at_the_next_close() -> None:
    rules = replace(RULES, fill=Fill.NEXT_CLOSE)
    assert prices(run(THREE, Intent(column=0, units=5), rules=rules)) == [(1, 5.0, 11.0)]


def test_what_is_no_order_is_refused() -> None:
    with pytest.raises(BadIntent):
        run(THREE, Intent(column=0, units=0))
    with pytest.raises(BadIntent):
        run(THREE, Intent(column=0, units=1, time_in_force=TimeInForce.GTD))


def test_a_strategy_sees_the_past_and_its_account() -> None:
    script = Script({0: (Intent(column=0, units=5),)})
    play(THREE, script, RULES)
    assert [len(seen.close) for seen in script.seen] == [1, 2, 3]
    assert script.seen[1].past().days == 2
    assert (script.seen[1].cash, script.seen[1].equity) == (950.0, 1005.0)
