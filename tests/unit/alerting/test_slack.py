"""Portfolios that are far from breaking a rule are not judged at every tick: it is broken by the same one."""

from lakehouse.alerting.book import QUANTA
from lakehouse.alerting.monitor import Monitor
from lakehouse.alerting.rules import Kind, Rule
from tests.factories.alerting import a_book, trades

FIRST = "first"


def fired(monitor: Monitor, *prices: float, start: int = 1) -> list[float]:
    """The prices of one symbol at which something fired."""
    return [prices[crossing.row] for crossing in monitor.play(trades(0, *prices, start=start)).crossings]


def test_equity_that_falls_with_the_exposure_is_counted() -> None:
    """Bought on credit: at 75 the exposure of 750 is three times what is left."""
    book = a_book([(0, 0, 10.0)], cash=-500 * QUANTA)
    rule = Rule(id="gross", kind=Kind.GROSS_EXPOSURE, limit=3.0, portfolio=FIRST)
    assert fired(Monitor(book, [rule]), *(100.0 - step for step in range(40))) == [75.0]


def test_exposure_that_grows_with_the_equity_is_counted() -> None:
    """Beside 1,000 in cash: at 150 the exposure of 1,500 is six tenths."""
    rule = Rule(id="gross", kind=Kind.GROSS_EXPOSURE, limit=0.6, portfolio=FIRST)
    monitor = Monitor(a_book(cash=1_000 * QUANTA), [rule])
    assert fired(monitor, *(100.0 + step for step in range(60))) == [150.0]


def test_a_short_position_loses_while_its_price_goes_up() -> None:
    book = a_book([(0, 0, -10.0)], cash=2_000 * QUANTA)
    rule = Rule(id="drawdown", kind=Kind.DRAWDOWN, limit=0.1, portfolio=FIRST)
    assert fired(Monitor(book, [rule]), *(100.0 + step for step in range(20))) == [110.0]


def test_a_rule_that_fired_is_armed_by_the_tick_that_brings_it_back() -> None:
    """A loss of 10 % fires; below 5 % it is armed, and fires again."""
    rule = Rule(id="drawdown", kind=Kind.DRAWDOWN, limit=0.1, portfolio=FIRST, hysteresis=0.5)
    prices = (100.0, 99.0, 90.0, 93.0, 94.0, 95.0, 95.1, 95.0, 91.0, 90.0, 89.0, 92.0, 94.9, 90.0)
    assert fired(Monitor(a_book(), [rule]), *prices) == [90.0, 90.0]


def test_what_is_paid_out_brings_a_limit_near() -> None:
    """1,000 in stock and 1,000 in cash are half exposed; without 900 of the cash nearly wholly."""
    rule = Rule(id="gross", kind=Kind.GROSS_EXPOSURE, limit=0.8, portfolio=FIRST)
    monitor = Monitor(a_book(cash=1_000 * QUANTA), [rule])
    assert fired(monitor, 100.0, 100.5) == []
    monitor.moved_cash(FIRST, -900 * QUANTA)
    assert fired(monitor, 100.4, start=3) == [100.4]
