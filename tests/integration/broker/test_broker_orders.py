"""Orders of a routed portfolio at a server that speaks as Alpaca does, and in PostgreSQL: once, and booked."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from uuid import UUID

import pytest

from lakehouse.stores import broker as store
from lakehouse.stores.books import orders
from lakehouse.stores.books.open_orders import families_of
from lakehouse.stores.books.order_replacing import Wish
from lakehouse.stores.books.orders import OrderRefused
from lakehouse.trading.broker import AtBroker
from lakehouse.trading.order import Order, OrderClass, Status, TimeInForce
from lakehouse.trading.ticket import Exit
from streaming.broker.alpaca import Alpaca
from streaming.broker.cli import BrokerCommandError, check_venue, set_route, settle_absent, told
from streaming.hot.booking import open_orders
from tests.factories.broker_pit import VENUE, Pit
from tests.factories.broker_servers import CUT, HANG, Reply
from tests.factories.trading import Desk, cash, units, wish

pytestmark = pytest.mark.integration
D = Decimal


def placed(pit: Pit, **changes: object) -> UUID:
    return pit.desk.place(wish(pit.desk, **changes)).order_id


def halt(pit: Pit) -> None:
    pit.desk.reader.execute(
        "INSERT INTO trading.halt (id, scope, portfolio_id, reason, set_by, set_at) "
        "VALUES (gen_random_uuid(), 'portfolio', %s, 'a test', %s, now())",
        (pit.desk.portfolio_id, pit.desk.owner_id),
    )


def status(pit: Pit, order_id: UUID) -> tuple[Status, str]:
    order = pit.desk.order(order_id)
    return order.status, order.status_reason


def test_an_order_goes_once_and_its_trades_are_booked_once(pit: Pit) -> None:
    order = placed(pit)
    pit.turn()
    assert pit.submission(order) == ("open", 1)
    sent = pit.alpaca.orders[str(order)]
    assert {name: sent[name] for name in ("symbol", "qty", "side", "type", "time_in_force", "limit_price")} == {
        "symbol": "AAPL",
        "qty": "10",
        "side": "buy",
        "type": "limit",
        "time_in_force": "gtc",
        "limit_price": "100",
    }
    pit.alpaca.fill(str(order), 4, "99.5")
    pit.turn()
    pit.restart()
    pit.turn()
    assert status(pit, order)[0] is Status.PARTIALLY_FILLED
    assert units(pit.desk) == (D(4), D(0))
    pit.alpaca.fill(str(order), 6, "99.25")
    pit.turn()
    pit.turn()
    assert status(pit, order)[0] is Status.FILLED
    assert pit.submission(order) == ("ended", 1)
    assert cash(pit.desk) == (1_000_000 - 4 * 9950 - 6 * 9925, 0)
    assert pit.desk.rows("SELECT sum(amount_minor) FROM ledger.entry") == [(D(0),)]
    assert pit.desk.rows("SELECT count(*) FROM trading.fill WHERE portfolio_id = %(p)s") == [(2,)]
    assert pit.posts == 1
    assert pit.differences() == []


@pytest.mark.parametrize("fault", [Reply(status=CUT), Reply(status=HANG), Reply(b"<html>", 502), Reply(b"{nonsense")])
def test_an_order_whose_answer_is_lost_is_asked_for_and_not_sent_again(pit: Pit, fault: Reply) -> None:
    order = placed(pit)
    pit.alpaca.faults.append((fault, True))
    pit.turn()
    assert pit.submission(order) == ("in_doubt", 1)
    pit.alpaca.fill(str(order), 10, "100")
    pit.turn(seconds=60)
    pit.turn()
    assert status(pit, order)[0] is Status.FILLED
    assert pit.posts == 1


def test_an_order_that_was_lost_on_its_way_is_sent_again_by_the_same_name_once_it_cannot_arrive(pit: Pit) -> None:
    order = placed(pit)
    pit.alpaca.faults.append((Reply(status=CUT), False))
    pit.turn()
    pit.turn()
    assert pit.submission(order) == ("in_doubt", 1), "it may still arrive"
    assert any("in_doubt" in line for line in pit.run(lambda connection: told(connection, VENUE)))
    pit.turn(seconds=60)
    assert pit.submission(order) == ("open", 2)
    assert list(pit.alpaca.orders) == [str(order)]


def test_an_order_that_arrives_after_all_is_not_there_twice(pit: Pit) -> None:
    class ArrivesLate(Alpaca):
        """What was sent first arrives when it is sent again, just before that."""

        async def place(self, order: Order, client_id: str) -> AtBroker:
            """Send it the second time."""
            pit.alpaca.take({"client_order_id": client_id, "symbol": "AAPL", "qty": "10", "side": "buy"})
            return await super().place(order, client_id)

    order = placed(pit)
    pit.alpaca.faults.append((Reply(status=CUT), False))
    pit.turn()
    pit.restart(ArrivesLate)
    pit.turn(seconds=60)
    assert pit.submission(order) == ("in_doubt", 2), "that its name is taken does not say that it was rejected"
    pit.turn()
    assert pit.submission(order) == ("open", 2)
    assert list(pit.alpaca.orders) == [str(order)]
    pit.alpaca.fill(str(order), 10, "100")
    pit.turn()
    assert status(pit, order)[0] is Status.FILLED
    assert units(pit.desk) == (D(10), D(0))
    assert pit.posts == 2


@pytest.mark.parametrize(
    "fault", [Reply({"code": 42910000, "message": "rate limit exceeded"}, 429, {"retry-after": "7"}), Reply({}, 401)]
)
def test_an_order_that_surely_did_not_arrive_is_no_doubt_and_waits(pit: Pit, fault: Reply) -> None:
    order = placed(pit)
    pit.alpaca.faults.append((fault, False))
    pit.turn()
    assert pit.submission(order) == ("unsent", 1)
    pit.turn()
    assert pit.submission(order) == ("open", 2)
    assert list(pit.alpaca.orders) == [str(order)]


def test_a_broker_that_asks_for_a_year_is_asked_again_in_minutes(pit: Pit) -> None:
    placed(pit)
    pit.alpaca.faults.append((Reply({}, 429, {"retry-after": "31536000"}), False))
    pit.clock.sleep(3.0)
    assert pit.desk.runner.run(pit.trading._tried()) == 300.0


def test_an_unsent_order_may_be_canceled_here_and_goes_nowhere(pit: Pit) -> None:
    order = placed(pit)
    pit.alpaca.faults.append((Reply({}, 429), False))
    pit.turn()
    pit.desk.cancel(order)
    assert status(pit, order) == (Status.CANCELED, orders.BY_OWNER)
    pit.turn()
    assert pit.submission(order) == ("ended", 1)
    assert pit.posts == 1


def test_an_order_that_the_broker_will_not_have_ends_with_its_words(pit: Pit) -> None:
    order = placed(pit)
    pit.alpaca.faults.append((Reply({"code": 40310000, "message": "insufficient buying\0 power"}, 403), False))
    pit.turn()
    assert status(pit, order) == (Status.CANCELED, "rejected_by_broker: 40310000 insufficient buying power")
    assert cash(pit.desk) == (1_000_000, 0)
    pit.turn()
    assert pit.posts == 1


def test_what_the_broker_cannot_have_ends_here_and_is_not_sent(pit: Pit) -> None:
    order = placed(
        pit,
        order_class=OrderClass.BRACKET,
        take_profit=Exit(limit_price=D(110)),
        stop_loss=Exit(stop_price=D(90)),
    )
    pit.turn()
    assert {each.status for each in pit.desk.family(order)} == {Status.CANCELED}
    assert status(pit, order)[1] == "broker_cannot_no_families"
    assert pit.posts == 0


def test_a_wish_to_cancel_is_passed_on_and_the_broker_ends_the_order(pit: Pit) -> None:
    order = placed(pit)
    pit.turn()
    pit.alpaca.fill(str(order), 3, "100")
    pit.desk.cancel(order)
    assert pit.desk.order(order).is_open, "only the broker ends what it has"
    pit.turn()
    pit.turn()
    assert status(pit, order) == (Status.CANCELED, orders.BY_OWNER)
    assert units(pit.desk) == (D(3), D(0)), "what was traded before is booked"
    assert cash(pit.desk) == (1_000_000 - 300_00, 0)
    assert pit.submission(order) == ("ended", 1)


def test_a_fill_that_was_faster_than_the_cancel_wins(pit: Pit) -> None:
    order = placed(pit)
    pit.turn()
    pit.desk.cancel(order)
    pit.alpaca.fill(str(order), 10, "100")
    pit.turn()
    assert status(pit, order)[0] is Status.FILLED
    assert pit.alpaca.canceled_by_us == []


def test_an_order_lapses_where_it_is_and_its_last_trade_is_booked_though_it_came_late(pit: Pit) -> None:
    order = placed(pit, time_in_force=TimeInForce.DAY)
    pit.turn()
    lapses = pit.desk.order(order).expires_at
    assert lapses is not None
    pit.alpaca.fill(str(order), 2, "100", tells=False)
    pit.clock.sleep((lapses - pit.clock.now()).total_seconds() + 1)
    assert not pit.desk.expire(order)
    due = pit.desk.run(lambda connection: orders.due(connection, now=pit.clock.now(), limit=1000))
    assert order not in {each.id for each in due}
    pit.alpaca.end(str(order), "expired")
    pit.turn()
    assert pit.desk.order(order).is_open, "a trade of it is still to be told"
    pit.alpaca.orders[str(order)]["filled_qty"] = "0"
    pit.alpaca.units.clear()
    pit.alpaca.fill(str(order), 2, "100")
    pit.alpaca.end(str(order), "expired")
    pit.turn()
    assert status(pit, order) == (Status.CANCELED, "expired_at_broker")
    assert units(pit.desk) == (D(2), D(0))


class Killed(BaseException):
    """The process is gone between two statements."""


class KilledBefore(Alpaca):
    """The process is killed before the order has arrived."""

    async def place(self, order: Order, client_id: str) -> AtBroker:
        """Send nothing."""
        raise Killed


class KilledAfter(Alpaca):
    """The process is killed when the order has arrived."""

    async def place(self, order: Order, client_id: str) -> AtBroker:
        """Send it, and hear no answer."""
        await super().place(order, client_id)
        raise Killed


@pytest.mark.parametrize(("kind", "arrives"), [(KilledBefore, False), (KilledAfter, True)])
def test_killed_while_sending_the_next_process_asks_first(pit: Pit, kind: type[Alpaca], arrives: bool) -> None:
    order = placed(pit)
    pit.turn()
    second = placed(pit, limit_price=D(99))
    pit.restart(kind)
    with pytest.raises(Killed):
        pit.turn()
    assert pit.submission(second) == ("in_doubt", 1)
    pit.restart()
    pit.turn()
    assert pit.submission(second) == (("open", 1) if arrives else ("in_doubt", 1))
    pit.turn(seconds=60)
    assert pit.submission(second) == (("open", 1) if arrives else ("open", 2))
    assert sorted(pit.alpaca.orders) == sorted([str(order), str(second)])


def test_a_second_process_stands_by(pit: Pit) -> None:
    pit.turn()
    other = pit.started()
    order = placed(pit)
    pit.desk.runner.run(other.turn())
    assert pit.posts == 0
    pit.turn()
    assert pit.submission(order) == ("open", 1)
    pit.desk.runner.run(other._drop())


def test_a_halted_portfolio_sends_nothing_until_it_goes_on(pit: Pit) -> None:
    order = placed(pit)
    desk = pit.desk
    halt(pit)
    pit.turn()
    assert pit.posts == 0
    desk.reader.execute(
        "UPDATE trading.halt SET lifted_by = %s, lifted_at = now() WHERE portfolio_id = %s",
        (desk.owner_id, desk.portfolio_id),
    )
    pit.turn()
    assert pit.submission(order) == ("open", 1)


def test_a_halt_holds_what_was_read_before_it(pit: Pit) -> None:
    class HaltsAfterOne(Alpaca):
        """The portfolio is halted while the first order is being sent."""

        async def place(self, order: Order, client_id: str) -> AtBroker:
            """Send it, and halt."""
            halt(pit)
            return await super().place(order, client_id)

    first, second = placed(pit), placed(pit, limit_price=D(99))
    pit.restart(HaltsAfterOne)
    pit.turn()
    assert pit.submission(first) == ("open", 1)
    assert pit.submission(second) == ()
    assert pit.posts == 1


def test_the_simulated_venue_leaves_routed_orders_alone_and_others_not(pit: Pit, new_desk: Callable[..., Desk]) -> None:
    other = new_desk()
    other.deposit(1_000_000)
    own, simulated = placed(pit), other.place(wish(other)).order_id
    found = pit.run(lambda connection: open_orders(connection, [pit.desk.portfolio_id, other.portfolio_id]))
    assert [each["id"] for each in found] == [str(simulated)]
    another = placed(pit, quantity=D(1))
    relatives = pit.run(lambda connection: families_of(connection, [own]))
    assert [each.order.id for each in relatives] == [own], "an order of before the route: the ones after it are not its"
    pit.desk.cancel(another)
    pit.turn()
    assert list(pit.alpaca.orders) == [str(own)]


def test_what_a_broker_has_is_not_replaced(pit: Pit) -> None:
    order = placed(pit)
    pit.turn()
    with pytest.raises(OrderRefused) as refused:
        pit.desk.replace(order, Wish(limit_price=D(99)))
    assert refused.value.violation.rule == "at_a_broker"


def test_a_portfolio_stays_where_it_trades_while_it_has_open_orders(pit: Pit) -> None:
    order = placed(pit)
    with pytest.raises(BrokerCommandError):
        pit.run(lambda connection: set_route(connection, pit.desk.portfolio_id, None))
    pit.desk.cancel(order)
    pit.run(lambda connection: set_route(connection, pit.desk.portfolio_id, None))
    placed(pit)
    pit.turn()
    assert pit.posts == 0


def test_a_person_settles_what_stays_in_doubt(pit: Pit) -> None:
    order = placed(pit)
    with pytest.raises(BrokerCommandError):
        pit.run(lambda connection: settle_absent(connection, order, by="ann"))
    pit.alpaca.faults.append((Reply(status=CUT), False))
    pit.turn()
    pit.run(lambda connection: settle_absent(connection, order, by="ann"))
    assert status(pit, order) == (Status.CANCELED, "lost_on_the_way")
    pit.turn(seconds=60)
    assert pit.posts == 1
    tell = partial(store.tell, clock=pit.clock, broker_id="alpaca-9")
    pit.run(lambda connection: tell(connection, order, "open", "accepted"))
    known = pit.run(lambda connection: store.ours(connection, VENUE, ["alpaca-9"]))
    assert (pit.submission(order), known) == (("ended", 1), {"alpaca-9": order}), "its trades are seen, if there are"


def test_an_order_that_is_being_sent_is_not_settled(pit: Pit) -> None:
    order = placed(pit)
    pit.restart(KilledBefore)
    with pytest.raises(Killed):
        pit.turn()
    with pytest.raises(BrokerCommandError):
        pit.run(lambda connection: settle_absent(connection, order, by="ann"))
    pit.restart()
    pit.turn()
    pit.run(lambda connection: settle_absent(connection, order, by="ann"))
    assert not pit.desk.order(order).is_open


def test_portfolios_that_trade_nowhere_are_told(pit: Pit) -> None:
    for named in ("", "angel-one"):
        lines = pit.run(partial(told, venue=named))
        assert lines[-1] == "1 portfolios are routed and trade nowhere"
    assert "nowhere" not in " ".join(pit.run(partial(told, venue=VENUE)))
    with pytest.raises(BrokerCommandError, match="nowhere"):
        check_venue("alpaca-live", "alpaca")
    for venue in ("simulated", "alpaca"):
        check_venue(venue, "alpaca")
