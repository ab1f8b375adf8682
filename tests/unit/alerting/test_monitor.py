"""What each rule means, by hand-made ticks."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from lakehouse.alerting.book import LARGEST, UNKNOWN, BadBook, amount, clamped, quanta, summable
from lakehouse.alerting.marks import BadTicks, Market, Ticks, follow
from lakehouse.alerting.monitor import Monitor, Scenarios
from lakehouse.alerting.rules import AlertingError, BadRule, Crossing, Kind, Rule, State
from tests.factories.alerting import NAN, SYMBOLS, a_book, ticks, trades

SECOND = 1_000_000


def position_rule(kind: Kind, limit: float, *, hysteresis: float = 0.0, cool_down_us: int = 0) -> Rule:
    return Rule(
        id="mine",
        kind=kind,
        limit=limit,
        symbol="AAPL",
        portfolio="first",
        hysteresis=hysteresis,
        cool_down_us=cool_down_us,
    )


def portfolio_rule(kind: Kind, limit: float, *, is_amount: bool = False) -> Rule:
    return Rule(id="mine", kind=kind, limit=limit, portfolio="first", is_amount=is_amount)


def rows(crossings: tuple[Crossing, ...]) -> list[int]:
    return [crossing.row for crossing in crossings]


def test_amounts_are_kept_to_what_can_be_added_up() -> None:
    most = int(LARGEST)
    assert [summable(each) for each in (most - 1, 1 - most, most, -(10**30))] == [most - 1, 1 - most, None, None]
    assert [clamped(each) for each in (7, 10**30, -(10**30))] == [7, most, -most]


def test_a_stop_that_is_crossed_and_comes_back_within_a_batch_fires_on_its_tick() -> None:
    monitor = Monitor(a_book(), [position_rule(Kind.STOP_LOSS, 95.0)])
    (crossing,) = monitor.play(trades(0, 100, 96, 94.5, 99, 101)).crossings
    assert crossing == Crossing(
        rule_id="mine",
        subject="first:AAPL",
        sequence=1,
        kind=Kind.STOP_LOSS,
        at_us=3 * SECOND,
        row=2,
        value=94.5,
        bound=95.0,
    )


@pytest.mark.parametrize(
    ("kind", "limit", "units", "prices", "expected"),
    [
        (Kind.STOP_LOSS, 95.0, 10.0, (95.01, 95.0), [1]),
        (Kind.STOP_LOSS, 105.0, -10.0, (104.9, 105.0), [1]),
        (Kind.STOP_LOSS, 95.0, 0.0, (90, 91), []),
        (Kind.TAKE_PROFIT, 105.0, 10.0, (104, 106), [1]),
        (Kind.TAKE_PROFIT, 95.0, -10.0, (96, 94), [1]),
        (Kind.TRAILING_STOP, 0.1, 10.0, (100, 120, 109, 108), [3]),
        (Kind.TRAILING_STOP, 0.1, -10.0, (100, 80, 87, 88), [3]),
        # The stop stays where it fired; back above it the rule is armed and follows from there.
        (Kind.TRAILING_STOP, 0.1, 10.0, (100, 90, 89, 91, 83, 81.9), [1, 5]),
    ],
)
def test_rules_of_a_position_know_its_side(
    kind: Kind, limit: float, units: float, prices: tuple[float, ...], expected: list[int]
) -> None:
    monitor = Monitor(a_book([(0, 0, units)]), [position_rule(kind, limit)])
    assert rows(monitor.play(trades(0, *prices)).crossings) == expected


def test_a_rule_is_quiet_until_the_value_is_back_by_the_hysteresis() -> None:
    monitor = Monitor(a_book(), [position_rule(Kind.STOP_LOSS, 100.0, hysteresis=0.02)])
    assert rows(monitor.play(trades(0, 99, 101, 99, 102, 99, 102.1, 99)).crossings) == [0, 6]


def test_what_is_broken_when_the_cool_down_ends_fires_then() -> None:
    monitor = Monitor(a_book(), [position_rule(Kind.STOP_LOSS, 100.0, cool_down_us=4 * SECOND)])
    crossings = monitor.play(trades(0, 99, 101, 98, 97, 96, 95)).crossings
    assert [(crossing.row, crossing.sequence) for crossing in crossings] == [(0, 1), (4, 2)]


def test_a_rule_that_fires_once_waits_to_be_armed() -> None:
    rule = replace(position_rule(Kind.STOP_LOSS, 100.0), once=True)
    monitor = Monitor(a_book(), [rule])
    assert rows(monitor.play(trades(0, 99, 101, 99)).crossings) == [0]
    monitor.rearm("mine")
    assert [each.sequence for each in monitor.play(trades(0, 98, start=9)).crossings] == [2]


def test_states() -> None:
    monitor = Monitor(a_book(), [position_rule(Kind.STOP_LOSS, 100.0)])
    assert monitor.state("mine") is State.ACTIVE
    monitor.play(trades(0, 99))
    assert monitor.state("mine") is State.TRIGGERED
    monitor.acknowledge("mine")
    assert monitor.state("mine") is State.ACKNOWLEDGED
    monitor.play(trades(0, 101, 99, start=5))
    assert monitor.state("mine") is State.TRIGGERED
    monitor.pause("mine")
    assert monitor.state("mine") is State.PAUSED
    assert monitor.play(trades(0, 101, 99, start=10)).crossings == ()
    monitor.resume("mine")
    assert monitor.state("mine") is State.ACTIVE


@pytest.mark.parametrize("price", [0.0, -1.0, NAN, np.inf])
def test_an_impossible_price_triggers_nothing_and_marks_nothing(price: float) -> None:
    monitor = Monitor(
        a_book(), [position_rule(Kind.STOP_LOSS, 95.0), replace(position_rule(Kind.TAKE_PROFIT, 200.0), id="other")]
    )
    assert monitor.play(trades(0, 100, price)).crossings == ()
    assert monitor.market.mark[0] == 100


def test_quotes() -> None:
    """A quote of one side keeps the other; crossed or one-sided there is no middle; a trade of no size is none."""
    market = Market.empty(len(SYMBOLS))
    quotes = ticks([(0, 1, 99, NAN, NAN), (0, 2, NAN, 101, NAN), (0, 3, 102, NAN, NAN), (0, 4, 0, NAN, NAN)])
    followed = follow(market, quotes)
    np.testing.assert_array_equal(followed.mark, [NAN, 100, NAN, NAN])
    assert followed.crossed.tolist() == [False, False, True, False]
    assert (market.mark[0], market.ask[0], np.isnan(market.bid[0])) == (100, 101, True)
    none = ticks([(1, 1, NAN, NAN, 50)], size=0.0)
    assert np.isnan(follow(market, none).mark).all()


def test_the_newest_row_of_a_symbol_is_the_last_that_counted() -> None:
    batch = ticks([(0, 5, NAN, NAN, 10), (1, 5, NAN, NAN, 20), (0, 4, NAN, NAN, 11), (1, 6, NAN, NAN, 21)])
    followed = follow(Market.empty(len(SYMBOLS)), batch)
    assert (followed.newest.tolist(), followed.late) == ([0, 3], 1)


def test_late_ticks_move_and_trigger_nothing() -> None:
    monitor = Monitor(a_book(), [position_rule(Kind.STOP_LOSS, 95.0)])
    monitor.play(trades(0, 100, start=10_000))
    late = monitor.play(trades(0, 50, start=100))
    assert (late.crossings, late.followed.late, monitor.market.mark[0]) == ((), 1, 100)


def test_a_crossed_quote_is_told_until_it_is_one_no_more() -> None:
    rule = Rule(id="mine", kind=Kind.CROSSED_QUOTE, symbol="IBM")
    batch = ticks([(1, 1, 99, 101, NAN), (1, 2, 102, NAN, NAN), (1, 3, 103, NAN, NAN), (1, 4, 99, NAN, NAN)])
    monitor = Monitor(a_book(), [rule])
    assert rows(monitor.play(batch).crossings) == [1]
    assert monitor.state("mine") is State.ACTIVE


def test_a_quote_grows_stale_while_others_have_ticks_or_beats() -> None:
    rule = Rule(id="mine", kind=Kind.STALE_QUOTE, limit=5.0, symbol="IBM")
    monitor = Monitor(a_book(), [rule])
    monitor.play(trades(1, 100))
    assert rows(monitor.play(trades(0, *[100] * 7, start=2)).crossings) == [4]
    monitor.play(trades(1, 100, start=20))
    assert monitor.beat(24 * SECOND) == ()
    (crossing,) = monitor.beat(26 * SECOND)
    assert (crossing.row, crossing.at_us, crossing.value, crossing.sequence) == (-1, 26 * SECOND, 6.0, 2)
    assert monitor.beat(26 * SECOND) == ()


@pytest.mark.parametrize(
    ("rule", "prices", "expected"),
    [
        # 10 units and 1,000 in cash: equity of 2,000 at 100.
        (portfolio_rule(Kind.DRAWDOWN, 0.1), (100, 120, 98.1, 98.0), [3]),
        (portfolio_rule(Kind.GROSS_EXPOSURE, 0.6), (100, 149, 150), [2]),
        (portfolio_rule(Kind.GROSS_EXPOSURE, 1200.0, is_amount=True), (100, 119, 120), [2]),
        (portfolio_rule(Kind.CONCENTRATION, 0.6), (100, 149, 150), [2]),
        (portfolio_rule(Kind.VAR_BATCH, 0.1), (100, 90.1, 90), [2]),
        (portfolio_rule(Kind.VAR_BATCH, 190.0, is_amount=True), (100,), [0]),
    ],
)
def test_rules_of_a_portfolio(rule: Rule, prices: tuple[float, ...], expected: list[int]) -> None:
    monitor = Monitor(a_book(cash=quanta(Decimal(1000))), [rule])
    monitor.measured(np.array([190.0, NAN, NAN]))
    assert rows(monitor.play(trades(0, *prices)).crossings) == expected


def test_a_daily_loss_is_measured_from_the_opening_and_a_withdrawal_is_none() -> None:
    monitor = Monitor(a_book(cash=quanta(Decimal(1000))), [portfolio_rule(Kind.DAILY_LOSS, 0.05)])
    assert monitor.play(trades(0, 100, 50, 100)).crossings == ()
    monitor.open_day()
    monitor.moved_cash("first", -quanta(Decimal(1000)))
    assert amount(int(monitor.equity[0])) == 1000
    assert rows(monitor.play(trades(0, 99, 95.1, 95, start=9)).crossings) == [2]


def test_a_portfolio_without_equity_breaks_its_limits() -> None:
    monitor = Monitor(a_book(cash=-quanta(Decimal(1000))), [portfolio_rule(Kind.GROSS_EXPOSURE, 3.0)])
    (crossing,) = monitor.play(trades(0, 160, 100)).crossings
    assert (crossing.row, crossing.value, crossing.bound) == (1, 1000.0, 0.0)


def test_a_portfolio_is_not_judged_until_it_is_wholly_priced() -> None:
    monitor = Monitor(a_book([(0, 0, 10.0), (0, 1, 10.0)]), [portfolio_rule(Kind.CONCENTRATION, 0.4)])
    assert monitor.play(trades(0, 100)).crossings == ()
    assert (monitor.missing.tolist(), monitor.values.tolist()) == ([1, 0, 0], [10_000_000, UNKNOWN])
    assert rows(monitor.play(trades(1, 100)).crossings) == [0]


def test_rates_convert_and_one_that_is_unknown_leaves_the_portfolio_unpriced() -> None:
    monitor = Monitor(a_book([(0, 3, 10.0)]), [])
    monitor.play(trades(3, 100))
    assert amount(int(monitor.equity[0])) == 500
    monitor.restate(rates=np.array([1.0, 0.6]))
    assert amount(int(monitor.equity[0])) == 600
    monitor.restate(rates=np.array([1.0, NAN]))
    assert monitor.missing.tolist() == [1, 0, 0]
    with pytest.raises(BadBook):
        monitor.restate(rates=np.array([1.0]))


def test_a_position_that_turned_starts_its_rules_anew() -> None:
    monitor = Monitor(a_book(), [position_rule(Kind.STOP_LOSS, 100.0)])
    assert rows(monitor.play(trades(0, 99)).crossings) == [0]
    monitor.restate(units=np.array([-10.0]))
    assert monitor.state("mine") is State.ACTIVE
    assert monitor.play(trades(0, 99, start=5)).crossings == ()
    other = Monitor(a_book(), [position_rule(Kind.STOP_LOSS, 100.0)], memory=monitor.memory())
    assert [each.sequence for each in other.play(trades(0, 98, start=9)).crossings] == [2]


def test_live_var_is_that_of_the_scenarios_at_what_is_held_now() -> None:
    returns = np.zeros((100, len(SYMBOLS)))
    returns[:, 0] = np.arange(100) / 1000 - 0.05
    rule = portfolio_rule(Kind.VAR_LIVE, 48.0, is_amount=True)
    monitor = Monitor(a_book(), [rule], scenarios=Scenarios(returns=returns, confidence=0.99))
    monitor.play(trades(0, 100, 90, 100))
    (crossing,) = monitor.play(trades(0, 100, start=4)).crossings
    # The second worst of a hundred scenarios loses 4.9 % of 1,000, measured at the beat before the tick.
    assert crossing.row == 0
    assert crossing.value == pytest.approx(49.0)


def test_many_crossings_of_one_tick_are_all_told() -> None:
    many = [Rule(id=str(number), kind=Kind.PRICE_BELOW, limit=100.0, symbol="AAPL") for number in range(500)]
    monitor = Monitor(a_book(), many)
    told = monitor.play(trades(0, *[99, 101] * 10)).crossings
    assert len({crossing.key for crossing in told}) == len(told) == 5000


@pytest.mark.parametrize(
    "build",
    [
        lambda: portfolio_rule(Kind.STOP_LOSS, 10.0),
        lambda: position_rule(Kind.DRAWDOWN, 0.5),
        lambda: position_rule(Kind.STOP_LOSS, 0.0),
        lambda: position_rule(Kind.STOP_LOSS, NAN),
        lambda: portfolio_rule(Kind.DRAWDOWN, 1.0),
        lambda: portfolio_rule(Kind.DRAWDOWN, 0.5, is_amount=True),
        lambda: position_rule(Kind.STOP_LOSS, 10.0, hysteresis=1.0),
        lambda: position_rule(Kind.STOP_LOSS, 10.0, cool_down_us=-1),
    ],
)
def test_rules_without_sense_are_refused(build: Callable[[], Rule]) -> None:
    with pytest.raises(BadRule):
        build()


def test_books_and_ticks_that_contradict_themselves_are_refused() -> None:
    rule = position_rule(Kind.STOP_LOSS, 10.0)
    with pytest.raises(AlertingError):
        Monitor(a_book(), [rule, rule])
    with pytest.raises(BadBook):
        Monitor(a_book(), [replace(rule, symbol="NONE")])
    with pytest.raises(BadBook):
        a_book([(0, 0, 1.0), (0, 0, 2.0)])
    with pytest.raises(BadBook):
        a_book([(0, 9, 1.0)])
    with pytest.raises(AlertingError):
        Monitor(a_book(), [], scenarios=Scenarios(returns=np.zeros((50, len(SYMBOLS))), confidence=0.99))
    monitor, batch = Monitor(a_book(), []), trades(0, 1, 2)
    for wrong in (batch._replace(symbol=np.array([0, 9])), Ticks._make([*batch[:-1], batch.size[:1]])):
        with pytest.raises(BadTicks):
            monitor.play(wrong)
    assert np.isnan(monitor.market.mark).all()
