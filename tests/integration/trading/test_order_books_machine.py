"""Whatever is ordered, filled, canceled, replaced and let lapse: the books add up after every step."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from lakehouse.stores.books.fills import FillRefused, FillResult
from lakehouse.stores.books.order_replacing import Wish
from lakehouse.stores.books.orders import OrderRefused
from lakehouse.stores.books.recount import recount
from lakehouse.trading.order import InvalidTransition, OrderClass, OrderType, Side, Status, TimeInForce
from lakehouse.trading.ticket import BadForm, Exit, Ticket
from tests.factories.orders import TICKET
from tests.factories.trading import Desk

DEPOSIT = 1_000_000
PRICES = st.integers(60, 140).map(Decimal)
UNITS = st.decimals("0.5", "40", places=1)

BROKE = {"ledger_account_no_overdraft", "ledger_account_reserved_covered", "short_collateral", "worse_than_limit"}
IDS = "SELECT id FROM trading.order WHERE portfolio_id = %(p)s AND status = ANY(%(s)s) ORDER BY id"
CASH = "SELECT balance_minor, reserved_minor FROM ledger.account WHERE account_id = %(a)s AND purpose = 'cash'"
POSITION = "SELECT quantity, reserved_quantity FROM app.position WHERE portfolio_id = %(p)s"
RESERVED = """
    SELECT coalesce(sum(reserved_minor), 0),
           coalesce(sum(CASE side WHEN 'sell' THEN reserved_quantity ELSE -reserved_quantity END), 0),
           coalesce(sum(reserved_minor + reserved_quantity)
                    FILTER (WHERE status NOT IN ('accepted', 'partially_filled')), 0)
    FROM trading.order WHERE portfolio_id = %(p)s
"""
OWED = """
    SELECT coalesce(sum(ceil(-cost_minor * 1.5)), 0) FROM app.lot WHERE portfolio_id = %(p)s AND quantity < 0
"""
WRONG_FILLS = """
    SELECT o.id FROM trading.order AS o LEFT JOIN trading.fill AS f ON f.order_id = o.id WHERE o.portfolio_id = %(p)s
    GROUP BY o.id HAVING o.filled_quantity <> coalesce(sum(f.quantity), 0) OR o.filled_quantity > o.quantity
"""
GAPS = """
    SELECT o.id FROM trading.order AS o JOIN trading.order_event AS e ON e.order_id = o.id WHERE o.portfolio_id = %(p)s
    GROUP BY o.id HAVING count(*) <> o.version OR min(e.version) <> 1 OR max(e.version) <> o.version
"""
UNTOLD = """
    SELECT count(*) FROM trading.order_event AS e JOIN trading.order AS o ON o.id = e.order_id
    WHERE o.portfolio_id = %(p)s AND NOT EXISTS (
        SELECT FROM ops.outbox AS x WHERE x.key = %(p)s::text AND x.topic = 'order.events'
          AND x.payload->>'order_id' = e.order_id::text AND (x.payload->>'seq')::int = e.version
    )
"""
TWO_WORKING_AFTER_A_FILL = """
    SELECT o.oco_group FROM trading.order AS o WHERE o.portfolio_id = %(p)s AND o.oco_group IS NOT NULL
    GROUP BY o.oco_group
    HAVING bool_or(o.status = 'filled') AND bool_or(o.status IN ('accepted', 'partially_filled', 'held'))
"""


class OrderBooks(RuleBasedStateMachine):
    """A desk that trades, beside a model of cash and units that knows fills alone."""

    def __init__(self, new_desk: Callable[..., Desk], *, allows_short: bool) -> None:
        super().__init__()
        self.desk = new_desk(allows_short=allows_short)
        self.desk.deposit(DEPOSIT)
        self.cash = Decimal(DEPOSIT)
        self.units = Decimal(0)
        self.trades = 0

    def ids(self, *statuses: str) -> list[UUID]:
        found = self.desk.rows(IDS, s=list(statuses))
        return [row[0] for row in found if isinstance(row[0], UUID)]

    def filled(self, order_id: UUID, quantity: Decimal, price: Decimal, fee: int) -> FillResult | str:
        """The result of a report, or the name of what refused it."""
        try:
            return self.desk.fill(order_id, f"t-{self.trades}", quantity, price, fee_minor=fee)
        except FillRefused as refused:
            return refused.rule
        except psycopg.IntegrityError as refused:
            return str(refused.diag.constraint_name)

    def place(self, ticket: Ticket) -> None:
        self.desk.place(replace(ticket, portfolio_id=self.desk.portfolio_id, client_order_id=None))

    @rule(side=st.sampled_from(Side), quantity=UNITS, price=PRICES, time=st.sampled_from(["gtc", "ioc", "fok"]))
    def order(self, side: Side, quantity: Decimal, price: Decimal, time: str) -> None:
        self.place(replace(TICKET, side=side, quantity=quantity, limit_price=price, time_in_force=TimeInForce(time)))

    @rule(side=st.sampled_from(Side), quantity=UNITS)
    def market(self, side: Side, quantity: Decimal) -> None:
        self.place(replace(TICKET, side=side, quantity=quantity, type=OrderType.MARKET, limit_price=None))

    @rule(quantity=UNITS, price=PRICES)
    def bracket(self, quantity: Decimal, price: Decimal) -> None:
        gain, loss = Exit(limit_price=price + 5), Exit(stop_price=price - 5)
        entry = replace(TICKET, quantity=quantity, limit_price=price, order_class=OrderClass.BRACKET)
        self.place(replace(entry, take_profit=gain, stop_loss=loss))

    @rule(side=st.sampled_from(Side), quantity=UNITS)
    def oco(self, side: Side, quantity: Decimal) -> None:
        gain, loss = (Decimal(120), Decimal(90)) if side is Side.SELL else (Decimal(90), Decimal(120))
        base = replace(TICKET, side=side, quantity=quantity, type=OrderType.MARKET, limit_price=None)
        exits = replace(base, take_profit=Exit(limit_price=gain), stop_loss=Exit(stop_price=loss))
        self.place(replace(exits, order_class=OrderClass.OCO))

    @precondition(lambda self: self.ids("accepted", "partially_filled"))
    @rule(data=st.data(), price=PRICES, fee=st.integers(0, 500), part=st.sampled_from(["all", "some", "too much"]))
    def fill(self, data: st.DataObject, price: Decimal, fee: int, part: str) -> None:
        order = self.desk.order(data.draw(st.sampled_from(self.ids("accepted", "partially_filled"))))
        quantity = {"all": order.leaves, "some": order.leaves / 2, "too much": order.leaves + 1}[part]
        quantity = quantity.quantize(Decimal("0.00000001"))
        self.trades += 1
        done = self.filled(order.id, quantity, price, fee)
        if isinstance(done, str):
            assert done in BROKE | ({"expired"} if part == "all" else {"expired", "overfill", "fill_or_kill"})
            return
        assert done.is_new
        again = self.filled(order.id, quantity, price, fee)
        assert isinstance(again, FillResult)
        assert not again.is_new
        sign = 1 if order.side is Side.BUY else -1
        self.units += sign * quantity
        self.cash -= sign * (quantity * price * 100).quantize(Decimal(1)) + fee

    @precondition(lambda self: self.ids("accepted", "partially_filled", "held", "filled", "expired"))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order = self.desk.order(
            data.draw(st.sampled_from(self.ids("accepted", "partially_filled", "held", "filled", "expired")))
        )
        try:
            self.desk.cancel(order.id)
        except InvalidTransition:
            assert not order.is_open
        else:
            assert self.desk.order(order.id).status is Status.CANCELED

    @precondition(lambda self: self.ids("accepted", "partially_filled"))
    @rule(data=st.data(), price=PRICES, quantity=st.none() | UNITS)
    def replace_one(self, data: st.DataObject, price: Decimal, quantity: Decimal | None) -> None:
        order = self.desk.order(data.draw(st.sampled_from(self.ids("accepted", "partially_filled"))))
        has_limit = order.limit_price is not None
        wish = Wish(limit_price=price) if has_limit else Wish(stop_price=price if order.stop_price else None)
        try:
            new_id = self.desk.replace(order.id, replace(wish, quantity=quantity))
        except (OrderRefused, BadForm):
            assert self.desk.order(order.id) == order
        else:
            old = self.desk.order(order.id)
            assert (old.status, old.replaced_by) == (Status.REPLACED, new_id)

    @rule(seconds=st.integers(0, 6))
    def time_passes(self, seconds: int) -> None:
        self.desk.tick(seconds)
        for order_id in self.ids("accepted", "partially_filled", "held"):
            self.desk.expire(order_id)

    @invariant()
    def cash_is_what_fills_left_and_reserved_is_what_open_orders_and_shorts_keep_back(self) -> None:
        minor, units, of_ended = self.desk.rows(RESERVED)[0]
        owed = self.desk.rows(OWED)[0][0]
        assert isinstance(minor, Decimal)
        assert isinstance(owed, Decimal)
        assert of_ended == 0
        assert self.desk.rows(CASH) == [(self.cash, minor + owed)]
        held, reserved = (self.desk.rows(POSITION) or [(Decimal(0), Decimal(0))])[0]
        assert (held, reserved) == (self.units, units)

    @invariant()
    def every_order_is_filled_by_its_fills_and_its_history_has_no_gap(self) -> None:
        assert self.desk.rows(WRONG_FILLS) == []
        assert self.desk.rows(GAPS) == []
        assert self.desk.rows(UNTOLD) == [(0,)]
        assert self.desk.rows(TWO_WORKING_AFTER_A_FILL) == []


@pytest.mark.parametrize("allows_short", [False, True])
def test_the_books_add_up_whatever_is_ordered(new_desk: Callable[..., Desk], allows_short: bool) -> None:
    class Here(OrderBooks):
        def __init__(self) -> None:
            super().__init__(new_desk, allows_short=allows_short)

        def teardown(self) -> None:
            found = self.desk.run(lambda connection: recount(connection, portfolio_id=self.desk.portfolio_id))
            assert found.findings == ()

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
