"""Broker and books compared: differences by name, and no order until each is gone or accepted."""

from decimal import Decimal
from uuid import UUID

import pytest

from lakehouse.clock import SystemClock
from lakehouse.stores import broker as store
from lakehouse.trading.order import OrderType
from streaming.broker.cli import BrokerCommandError, settle_absent
from tests.factories.broker_pit import Pit
from tests.factories.broker_servers import CUT, Reply
from tests.factories.trading import cash, units, wish

pytestmark = pytest.mark.integration
D = Decimal


def placed(pit: Pit) -> UUID:
    return pit.desk.place(wish(pit.desk)).order_id


def named(pit: Pit) -> list[tuple[str, str, str]]:
    return [(each.name, each.subject, each.detail) for each in pit.differences()]


def accept(pit: Pit, difference: UUID) -> bool:
    return pit.run(lambda connection: store.accept(connection, difference, by="ann", clock=SystemClock()))


def test_units_that_the_books_do_not_have_stop_trading_until_they_are_gone(pit: Pit) -> None:
    pit.alpaca.units["MSFT"] = D("2.5")
    order = placed(pit)
    pit.turn()
    assert named(pit) == [("position", "MSFT", "+2.5")]
    assert pit.posts == 0
    pit.turn(seconds=20)
    assert pit.posts == 0
    del pit.alpaca.units["MSFT"]
    pit.turn(seconds=20)
    assert named(pit) == []
    assert pit.submission(order) == ("open", 1)


def test_what_a_person_accepts_stops_nothing_and_another_amount_does(pit: Pit) -> None:
    pit.alpaca.units["AAPL"] = D(-3)
    pit.turn()
    assert named(pit) == [("position", "AAPL", "-3")]
    assert [accept(pit, each.id) for each in pit.differences()] == [True]
    assert [accept(pit, each.id) for each in pit.differences()] == [False], "once"
    order = placed(pit)
    pit.turn(seconds=20)
    assert pit.submission(order) == ("open", 1)
    pit.alpaca.fill(str(order), 10, "100")
    pit.turn()
    pit.restart()
    pit.turn()
    assert named(pit) == [("position", "AAPL", "-3")], "the same after a trade, and still accepted"
    pit.alpaca.units["AAPL"] += 1
    later = placed(pit)
    pit.restart()
    pit.turn()
    assert named(pit) == [("position", "AAPL", "-2")]
    assert pit.submission(later) == ()


def test_an_order_of_somebody_else_and_a_blocked_account_are_named(pit: Pit) -> None:
    pit.alpaca.take({"client_order_id": "by-hand", "symbol": "TSLA", "qty": "1", "side": "buy"})
    pit.alpaca.account |= {"trading_blocked": True, "currency": "EUR"}
    placed(pit)
    pit.turn()
    blocked = [("account_blocked", "account", detail) for detail in ("currency EUR", "trading_blocked")]
    assert named(pit) == [*blocked, ("order_unknown", "alpaca-1", "TSLA")]
    assert pit.posts == 0


def test_an_order_in_doubt_stops_its_portfolio_at_once(pit: Pit) -> None:
    first = placed(pit)
    pit.alpaca.faults.append((Reply(status=CUT), False))
    pit.turn()
    second = placed(pit)
    pit.turn()
    assert named(pit) == [("order_in_doubt", str(first), "")]
    assert pit.submission(second) == ()
    pit.turn(seconds=60)
    pit.turn(seconds=20)
    assert named(pit) == []
    assert [pit.submission(each) for each in (first, second)] == [("open", 2), ("open", 1)]


def test_an_order_that_the_broker_forgot_and_trades_that_it_does_not_tell_are_named(pit: Pit) -> None:
    forgotten, silent = placed(pit), placed(pit)
    pit.turn()
    pit.alpaca.fill(str(silent), 4, "100", tells=False)
    pit.alpaca.units.clear()
    del pit.alpaca.orders[str(forgotten)]
    pit.restart()
    pit.turn()
    assert named(pit) == [("order_missing", str(forgotten), ""), ("executions_missing", str(silent), "+4")]
    with pytest.raises(BrokerCommandError):
        pit.run(lambda connection: settle_absent(connection, silent, by="ann"))
    pit.run(lambda connection: settle_absent(connection, forgotten, by="ann"))
    pit.alpaca.orders[str(silent)]["filled_qty"] = "0"
    pit.alpaca.fill(str(silent), 4, "100")
    pit.alpaca.activities[0]["transaction_time"] = pit.alpaca.orders[str(silent)]["submitted_at"]
    pit.turn(seconds=3600)
    assert named(pit) == [], "told an hour late, it is found and booked"
    assert units(pit.desk) == (D(4), D(0))
    assert not pit.desk.order(forgotten).is_open


def test_a_trade_that_the_broker_takes_back_is_named(pit: Pit) -> None:
    order = placed(pit)
    pit.turn()
    pit.alpaca.fill(str(order), 4, "100")
    pit.turn()
    pit.alpaca.orders[str(order)]["filled_qty"] = "3"
    pit.turn(seconds=601)
    assert [(name, D(detail)) for name, _, detail in named(pit)] == [("executions_missing", D(-1))]


def test_a_trade_that_the_books_refuse_is_named_and_booked_once_they_can(pit: Pit) -> None:
    order = pit.desk.place(wish(pit.desk, type=OrderType.STOP, limit_price=None, stop_price=D(105), quantity=D(90)))
    pit.turn()
    pit.alpaca.fill(str(order.order_id), 90, "120")  # far from its stop: more than there is
    pit.desk.deposit(20_000)
    other = pit.desk.place(wish(pit.desk, quantity=D(1))).order_id
    pit.turn()
    assert units(pit.desk) == (D(0), D(0))
    trade = pit.alpaca.activities[0]["id"]
    assert named(pit) == [
        ("execution_refused", trade, "buying_power"),
        ("position", "AAPL", "+90"),
    ]
    assert pit.submission(other) == ()
    pit.desk.deposit(100_000)
    pit.turn(seconds=20)
    assert named(pit) == []
    assert pit.submission(other) == ("open", 1)
    assert units(pit.desk) == (D(90), D(0))
    assert cash(pit.desk) == (1_000_000 + 120_000 - 90 * 120_00, 100_10)


def test_nothing_is_sent_while_the_broker_cannot_be_asked(pit: Pit) -> None:
    pit.alpaca.account["cash"] = "much"
    order = placed(pit)
    pit.turn()
    assert pit.posts == 0
    pit.alpaca.account["cash"] = "10000"
    pit.turn()
    assert pit.submission(order) == ("open", 1)
