"""Orders and fills in PostgreSQL: what is kept back, what is booked, what happens once, what leaves nothing behind."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest

from lakehouse.clock import ManualClock
from lakehouse.stores.books.fills import FillRefused, Report, fill
from lakehouse.stores.books.order_replacing import Wish
from lakehouse.stores.books.orders import ClientIdTaken, OrderRefused, OrderUnknown, Placed
from lakehouse.stores.postgres import PostgresUnavailable, Transaction
from lakehouse.trading.order import MOVES, InvalidTransition, OrderClass, OrderType, Side, Status, TimeInForce
from lakehouse.trading.ticket import BadForm, Exit
from tests.factories.trading import Desk, buy, cash, units, wish

PROFIT, LOSS = Exit(limit_price=Decimal(120)), Exit(stop_price=Decimal(90))


def full_report(desk: Desk, placed: Placed) -> Report:
    """That all ten units were traded at 100."""
    return Report(
        order_id=placed.order_id,
        venue_trade_id="t-1",
        quantity=Decimal(10),
        price=Decimal(100),
        fee_minor=0,
        filled_at=desk.clock.now(),
    )


def test_the_databases_moves_are_those_of_the_state_machine(desk: Desk) -> None:
    assert set(desk.rows("SELECT from_status, to_status FROM trading.order_move")) == MOVES


def test_a_purchase_reserves_cash_and_a_fill_books_it(desk: Desk) -> None:
    placed = desk.place(wish(desk))
    assert (placed.violation, placed.is_new) == (None, True)
    assert cash(desk) == (1_000_000, 100_100)
    partly = desk.fill(placed.order_id, "t-1", 4, Decimal("99.50"), fee_minor=40)
    assert (partly.order.status, partly.order.leaves) == (Status.PARTIALLY_FILLED, Decimal(6))
    assert cash(desk) == (1_000_000 - 39_840, 60_060)
    full = desk.fill(placed.order_id, "t-2", 6, Decimal("99.00"), fee_minor=60)
    assert (full.order.status, full.order.average_fill_price) == (Status.FILLED, Decimal("99.2"))
    assert cash(desk) == (1_000_000 - 39_840 - 59_460, 0)
    assert units(desk) == (10, 0)
    assert desk.rows("SELECT sum(cost_minor) FROM app.lot WHERE portfolio_id = %(p)s") == [(99_300,)]


def test_every_change_has_a_line_of_history_and_an_event_in_order(desk: Desk) -> None:
    placed = desk.place(wish(desk))
    desk.fill(placed.order_id, "t-1", 4)
    desk.cancel(placed.order_id)
    lines = desk.rows(
        "SELECT version, from_status, to_status, reason FROM trading.order_event "
        "WHERE order_id = %(o)s ORDER BY version",
        o=placed.order_id,
    )
    assert lines == [
        (1, "new", "new", ""),
        (2, "new", "accepted", ""),
        (3, "accepted", "partially_filled", ""),
        (4, "partially_filled", "canceled", "canceled_by_owner"),
    ]
    events = desk.rows(
        "SELECT type, (payload->>'seq')::int FROM ops.outbox "
        "WHERE topic IN ('order.events', 'trade.fills') AND payload->>'order_id' = %(o)s ORDER BY seq",
        o=str(placed.order_id),
    )
    assert events == [
        ("order.new", 1),
        ("order.accepted", 2),
        ("order.partially_filled", 3),
        ("trade.filled", None),
        ("order.canceled", 4),
    ]
    assert cash(desk) == (960_000, 0)


def test_a_sale_reserves_units_until_it_ends(desk: Desk) -> None:
    buy(desk, 10)
    placed = desk.place(wish(desk, side=Side.SELL, quantity=Decimal(7)))
    assert units(desk) == (10, 7)
    assert desk.place(wish(desk, side=Side.SELL, quantity=Decimal(4))).violation is not None
    desk.fill(placed.order_id, "t-1", 2)
    assert units(desk) == (8, 5)
    desk.cancel(placed.order_id)
    assert units(desk) == (8, 0)


def test_a_second_report_of_a_fill_changes_nothing_and_another_one_of_its_number_is_refused(desk: Desk) -> None:
    placed = desk.place(wish(desk))
    first = desk.fill(placed.order_id, "t-1", 4)
    before = cash(desk)
    again = desk.fill(placed.order_id, "t-1", 4)
    assert (again.fill_id, again.is_new, again.order.filled_quantity) == (first.fill_id, False, Decimal(4))
    with pytest.raises(FillRefused) as refused:
        desk.fill(placed.order_id, "t-1", 5)
    assert refused.value.rule == "venue_trade_id_reused"
    assert cash(desk) == before
    assert desk.rows("SELECT count(*) FROM trading.fill WHERE order_id = %(o)s", o=placed.order_id) == [(1,)]


def test_an_overfill_and_a_fill_of_what_has_ended_are_refused(desk: Desk) -> None:
    placed = desk.place(wish(desk))
    with pytest.raises(FillRefused) as refused:
        desk.fill(placed.order_id, "t-1", 11)
    assert refused.value.rule == "overfill"
    desk.cancel(placed.order_id)
    with pytest.raises(FillRefused) as refused:
        desk.fill(placed.order_id, "t-2", 1)
    assert refused.value.rule == "not_possible_in_this_status"
    assert cash(desk) == (1_000_000, 0)


def test_a_fill_dearer_than_its_reservation_takes_free_cash_or_leaves_nothing_behind(desk: Desk) -> None:
    placed = desk.place(wish(desk, type=OrderType.MARKET, limit_price=None, time_in_force=TimeInForce.DAY))
    reserved = 5 * 10_000 * 105 * 1001 // 100_000
    desk.fill(placed.order_id, "t-1", 5, Decimal(150))
    assert cash(desk) == (925_000, reserved + 1)  # rounded up
    with pytest.raises(psycopg.IntegrityError):
        desk.fill(placed.order_id, "t-2", 5, Decimal(1851))
    assert cash(desk) == (925_000, reserved + 1)
    assert desk.order(placed.order_id).filled_quantity == 5
    desk.fill(placed.order_id, "t-2", 5, Decimal(1850))
    assert cash(desk) == (0, 0)


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, "100.01"), (Side.SELL, "99.99")])
def test_a_fill_worse_than_the_limit_is_refused(desk: Desk, side: Side, price: str) -> None:
    buy(desk, 10)
    placed = desk.place(wish(desk, side=side, quantity=Decimal(10 if side is Side.SELL else 1)))
    before = (cash(desk), units(desk))
    with pytest.raises(FillRefused) as refused:
        desk.fill(placed.order_id, "t-1", 1, Decimal(price))
    assert refused.value.rule == "worse_than_limit"
    assert (cash(desk), units(desk)) == before
    assert desk.fill(placed.order_id, "t-1", 1, Decimal(100)).is_new


def test_a_fill_from_before_the_order_is_refused(desk: Desk) -> None:
    placed = desk.place(wish(desk))
    early = replace(full_report(desk, placed), filled_at=desk.clock.now() - timedelta(seconds=1))
    with pytest.raises(FillRefused) as refused:
        desk.run(lambda connection: fill(connection, early, clock=desk.clock))
    assert refused.value.rule == "before_the_order"
    assert cash(desk) == (1_000_000, 100_100)


def test_a_fill_whose_transaction_dies_leaves_nothing(desk: Desk) -> None:
    placed = desk.place(wish(desk))
    report = full_report(desk, placed)

    async def killed(connection: Transaction) -> None:
        await fill(connection, report, clock=desk.clock)
        desk.rows("SELECT pg_terminate_backend(%(pid)s)", pid=connection.info.backend_pid)
        await connection.execute("SELECT 1")

    counts = (
        "SELECT (SELECT count(*) FROM trading.fill WHERE portfolio_id = %(p)s), "
        "(SELECT count(*) FROM app.lot WHERE portfolio_id = %(p)s), "
        "(SELECT count(*) FROM ops.outbox WHERE key = %(p)s::text AND type = 'trade.filled')"
    )
    with pytest.raises(PostgresUnavailable):
        desk.run(killed)
    assert desk.rows(counts) == [(0, 0, 0)]
    assert (cash(desk), units(desk)) == ((1_000_000, 100_100), (0, 0))
    assert desk.run(lambda connection: fill(connection, report, clock=desk.clock)).is_new


def test_a_retry_with_the_clients_id_is_the_same_order_and_another_content_is_refused(desk: Desk) -> None:
    first = desk.place(wish(desk, client_order_id="mine"))
    assert desk.place(wish(desk, client_order_id="mine")) == Placed(first.order_id, None, is_new=False)
    with pytest.raises(ClientIdTaken) as taken:
        desk.place(wish(desk, client_order_id="mine", quantity=Decimal(9)))
    assert taken.value.order_id == first.order_id
    assert cash(desk) == (1_000_000, 100_100)


def test_a_rejected_order_stays_keeps_nothing_back_and_answers_a_retry_the_same(desk: Desk) -> None:
    rejected = desk.place(wish(desk, client_order_id="big", quantity=Decimal(1000)))
    assert rejected.violation is not None
    assert rejected.violation.rule == "buying_power"
    order = desk.order(rejected.order_id)
    assert (order.status, order.status_reason) == (Status.REJECTED, "buying_power")
    assert cash(desk) == (1_000_000, 0)
    again = desk.place(wish(desk, client_order_id="big", quantity=Decimal(1000)))
    assert (again.order_id, again.is_new) == (rejected.order_id, False)
    assert again.violation is not None
    assert again.violation.rule == "buying_power"


def test_what_cannot_be_an_order_is_refused_without_one(desk: Desk) -> None:
    with pytest.raises(OrderRefused) as refused:
        desk.place(wish(desk, symbol="NOPE"))
    assert refused.value.violation.rule == "instrument_unknown"
    with pytest.raises(BadForm):
        desk.place(wish(desk, limit_price=None))
    assert desk.rows("SELECT count(*) FROM trading.order WHERE portfolio_id = %(p)s") == [(0,)]


def test_nobody_trades_in_anothers_portfolio(desk: Desk, new_desk: Callable[..., Desk]) -> None:
    placed = desk.place(wish(desk))
    other = new_desk()
    with pytest.raises(OrderUnknown):
        other.place(wish(desk))
    with pytest.raises(OrderUnknown):
        other.cancel(placed.order_id)
    assert desk.order(placed.order_id).status is Status.ACCEPTED


def bracket(desk: Desk) -> list[UUID]:
    """Ids of an entry, its take-profit and its stop-loss leg."""
    placed = desk.place(wish(desk, order_class=OrderClass.BRACKET, take_profit=PROFIT, stop_loss=LOSS))
    assert placed.violation is None
    return [order.id for order in desk.family(placed.order_id)]


def test_a_brackets_legs_wait_then_work_then_cancel_each_other(desk: Desk) -> None:
    entry, profit, loss = bracket(desk)
    assert [desk.order(each).status for each in (entry, profit, loss)] == ["accepted", "held", "held"]
    desk.fill(entry, "t-1", 6)
    assert desk.order(profit).status is Status.HELD
    desk.fill(entry, "t-2", 4)
    assert [desk.order(each).status for each in (profit, loss)] == ["accepted", "accepted"]
    assert units(desk) == (10, 10)
    desk.fill(loss, "t-1", 4, Decimal(90))
    assert (units(desk), desk.order(profit).leaves) == ((6, 6), Decimal(6))
    desk.fill(profit, "t-1", 6, Decimal(120))
    assert (desk.order(loss).status, desk.order(loss).status_reason) == (Status.CANCELED, "oco_sibling_filled")
    assert (units(desk), cash(desk)) == ((0, 0), (1_000_000 - 100_000 + 36_000 + 72_000, 0))


def test_a_brackets_legs_end_with_its_entry(desk: Desk) -> None:
    entry, profit, loss = bracket(desk)
    desk.cancel(entry)
    assert {desk.order(each).status for each in (entry, profit, loss)} == {Status.CANCELED}
    assert cash(desk) == (1_000_000, 0)


def test_a_legs_name_that_is_taken_refuses_the_whole_bracket(desk: Desk) -> None:
    desk.place(wish(desk, client_order_id="mine:stop_loss"))
    family = wish(desk, client_order_id="mine", order_class=OrderClass.BRACKET, take_profit=PROFIT, stop_loss=LOSS)
    with pytest.raises(psycopg.IntegrityError) as refused:
        desk.place(family)
    assert refused.value.diag.constraint_name == "order_client_id_unique"
    assert cash(desk) == (1_000_000, 100_100)
    assert desk.rows("SELECT count(*) FROM trading.order WHERE portfolio_id = %(p)s") == [(1,)]


def test_legs_whose_units_were_sold_meanwhile_are_rejected_not_the_fill(desk: Desk) -> None:
    entry, profit, loss = bracket(desk)
    desk.fill(entry, "t-1", 5)
    sale = desk.place(wish(desk, side=Side.SELL, quantity=Decimal(5), limit_price=Decimal(110)))
    desk.fill(sale.order_id, "t-1", 5, Decimal(110))
    desk.fill(entry, "t-2", 5)
    assert [desk.order(each).status_reason for each in (profit, loss)] == ["holdings", "holdings"]
    assert units(desk) == (5, 0)


def oco(desk: Desk) -> Placed:
    return desk.place(
        wish(
            desk,
            side=Side.SELL,
            type=OrderType.MARKET,
            limit_price=None,
            order_class=OrderClass.OCO,
            take_profit=PROFIT,
            stop_loss=LOSS,
        )
    )


def test_an_oco_reserves_once_and_a_canceled_leg_cancels_the_other(desk: Desk) -> None:
    buy(desk, 10)
    placed = oco(desk)
    assert (placed.violation, units(desk)) == (None, (10, 10))
    profit, loss = desk.family(placed.order_id)
    desk.cancel(loss.id)
    assert (desk.order(profit.id).status, desk.order(profit.id).status_reason) == ("canceled", "oco_sibling_ended")
    assert units(desk) == (10, 0)


def test_a_replacement_takes_over_what_is_left_and_what_is_kept_back(desk: Desk) -> None:
    placed = desk.place(wish(desk))
    desk.fill(placed.order_id, "t-1", 4)
    new_id = desk.replace(placed.order_id, Wish(limit_price=Decimal(99), client_order_id="next"))
    old, new = desk.order(placed.order_id), desk.order(new_id)
    assert (old.status, old.replaced_by, old.reserved_minor) == (Status.REPLACED, new.id, 0)
    assert (new.status, new.replaces, new.quantity, new.limit_price) == (
        Status.ACCEPTED,
        old.id,
        Decimal(6),
        Decimal(99),
    )
    assert cash(desk) == (960_000, 59_460)
    assert desk.replace(placed.order_id, Wish(limit_price=Decimal(99), client_order_id="next")) == new_id


def test_a_replacement_that_a_rule_refuses_leaves_the_old_order_working(desk: Desk) -> None:
    placed = desk.place(wish(desk))
    with pytest.raises(OrderRefused) as refused:
        desk.replace(placed.order_id, Wish(quantity=Decimal(200)))
    assert refused.value.violation.rule == "buying_power"
    assert (desk.order(placed.order_id).status, cash(desk)) == (Status.ACCEPTED, (1_000_000, 100_100))
    desk.replace(placed.order_id, Wish(quantity=Decimal(99)))
    with pytest.raises(InvalidTransition):
        desk.replace(placed.order_id, Wish(quantity=Decimal(1)))


def test_a_replaced_leg_stays_in_its_group(desk: Desk) -> None:
    buy(desk, 10)
    profit, loss = desk.family(oco(desk).order_id)
    new_id = desk.replace(profit.id, Wish(limit_price=Decimal(130)))
    assert units(desk) == (10, 10)
    desk.fill(new_id, "t-1", 10, Decimal(130))
    assert (desk.order(loss.id).status, units(desk)) == (Status.CANCELED, (0, 0))


def test_a_replaced_entry_keeps_its_legs(desk: Desk) -> None:
    entry, profit, _ = bracket(desk)
    new_id = desk.replace(entry, Wish(limit_price=Decimal(101)))
    assert desk.order(profit).parent_id == new_id
    desk.fill(new_id, "t-1", 10, Decimal(101))
    assert desk.order(profit).status is Status.ACCEPTED


def test_an_order_lapses_when_its_time_is_over_and_takes_no_later_fill(desk: Desk) -> None:
    placed = desk.place(wish(desk, time_in_force=TimeInForce.IOC))
    assert not desk.expire(placed.order_id)
    desk.tick(6)
    with pytest.raises(FillRefused) as refused:
        desk.fill(placed.order_id, "t-1", 1)
    assert refused.value.rule == "expired"
    assert desk.expire(placed.order_id)
    assert (desk.order(placed.order_id).status, cash(desk)) == (Status.EXPIRED, (1_000_000, 0))
    assert not desk.expire(placed.order_id)


def test_a_date_in_the_past_is_refused_by_its_rule(desk: Desk) -> None:
    past = desk.clock.now() - timedelta(days=1)
    placed = desk.place(wish(desk, time_in_force=TimeInForce.GTD, expires_at=past))
    assert placed.violation is not None
    assert placed.violation.rule == "expired"


def closed_at(desk: Desk, symbol: str, day: date) -> None:
    """An instrument of New York whose only price is the close of this day."""
    with desk.reader.transaction():
        desk.reader.execute(
            "INSERT INTO app.instrument (symbol, name, currency, exchange, created_at) "
            "VALUES (%s, %s, 'USD', 'XNYS', now()) ON CONFLICT DO NOTHING",
            (symbol, symbol),
        )
        desk.reader.execute(
            "INSERT INTO market.bar (symbol, interval, starts_at, close, provider, received_at) "
            "VALUES (%s, '1d', %s, 100, 'test', %s) ON CONFLICT DO NOTHING",
            (symbol, datetime.combine(day, time(), UTC), datetime.combine(day, time(23), UTC)),
        )


def test_a_market_order_is_judged_by_no_price_of_years_ago_and_a_limit_order_needs_none(desk: Desk) -> None:
    closed_at(desk, "OLD", date(2022, 12, 28))
    market = wish(desk, symbol="OLD", type=OrderType.MARKET, limit_price=None)
    rejected = desk.place(market)
    assert rejected.violation is not None
    assert (rejected.violation.rule, rejected.violation.limit) == ("price_stale", "15 minutes")
    assert "2022-12-28T23:00:00Z" in rejected.violation.detail
    assert cash(desk) == (1_000_000, 0)
    assert desk.place(wish(desk, symbol="OLD")).violation is None


def test_a_market_order_in_a_closed_market_takes_the_last_close_and_is_replaced_by_the_same_rule(desk: Desk) -> None:
    closed_at(desk, "NEW", date(2026, 2, 27))
    weekend = replace(desk, clock=ManualClock(datetime(2026, 3, 1, 12, tzinfo=UTC)))
    market = wish(desk, symbol="NEW", type=OrderType.MARKET, limit_price=None, time_in_force=TimeInForce.GTC)
    placed = weekend.place(market)
    assert placed.violation is None
    in_session = replace(desk, clock=ManualClock(datetime(2026, 3, 2, 15, tzinfo=UTC)))
    with pytest.raises(OrderRefused) as refused:
        in_session.replace(placed.order_id, Wish(quantity=Decimal(5)))
    assert refused.value.violation.rule == "price_stale"
    assert desk.order(placed.order_id).status is Status.ACCEPTED
