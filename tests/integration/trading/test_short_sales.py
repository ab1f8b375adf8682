"""Short sales in PostgreSQL: their collateral is kept back from the order to the day they are bought back."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import psycopg
import pytest

from lakehouse.portfolio.transactions import Draft, Kind
from lakehouse.stores.books.booking import BookingRefused
from lakehouse.stores.books.recount import Finding, recount
from lakehouse.trading.order import OrderClass, Side
from lakehouse.trading.reservation import SHORT_COLLATERAL
from lakehouse.trading.ticket import Exit
from tests.factories.trading import Desk, buy, cash, units, wish


def short_desk(new_desk: Callable[..., Desk], *, minor: int = 1_000_000) -> Desk:
    """A desk that may sell short, with this much cash."""
    made = new_desk(allows_short=True)
    if minor:
        made.deposit(minor)
    return made


def recounted(desk: Desk) -> tuple[Finding, ...]:
    """What the recount finds wrong with the desk's books."""
    return desk.run(lambda connection: recount(connection, portfolio_id=desk.portfolio_id)).findings


def test_a_short_sale_keeps_back_half_of_its_worth_then_all_it_brought_and_half_as_much(
    new_desk: Callable[..., Desk],
) -> None:
    desk = short_desk(new_desk)
    placed = desk.place(wish(desk, side=Side.SELL))
    assert (placed.violation, units(desk), cash(desk)) == (None, (0, 0), (1_000_000, 50_000))
    desk.fill(placed.order_id, "t-1", 4)
    assert (units(desk), cash(desk)) == ((-4, 0), (1_040_000, 60_000 + 30_000))
    desk.fill(placed.order_id, "t-2", 6, fee_minor=100)
    assert (units(desk), cash(desk)) == ((-10, 0), (1_099_900, 60_000 + 89_850))
    assert recounted(desk) == ()
    desk.rows(
        "UPDATE ledger.account SET reserved_minor = reserved_minor - 1 "
        "WHERE account_id = %(a)s AND purpose = 'cash' RETURNING 1"
    )
    assert [each.check for each in recounted(desk)] == ["cash_reserved"]


def test_the_view_and_the_rules_keep_back_the_same_share(new_desk: Callable[..., Desk]) -> None:
    desk = short_desk(new_desk)
    desk.fill(desk.place(wish(desk, side=Side.SELL)).order_id, "t-1", 10)
    kept = "SELECT quantity, collateral_minor FROM app.short_sale WHERE portfolio_id = %(p)s"
    assert desk.rows(kept) == [(10, 100_000 * SHORT_COLLATERAL)]


def test_collateral_is_not_money_to_spend(new_desk: Callable[..., Desk]) -> None:
    desk = short_desk(new_desk, minor=60_000)
    desk.fill(desk.place(wish(desk, side=Side.SELL)).order_id, "t-1", 10)
    assert cash(desk) == (160_000, 150_000)
    out = Draft(kind=Kind.WITHDRAWAL, occurred_at=desk.clock.now(), currency="USD", amount_minor=10_001)
    with pytest.raises(psycopg.IntegrityError) as refused:
        desk.book(out)
    assert refused.value.diag.constraint_name == "ledger_account_reserved_covered"
    desk.book(replace(out, amount_minor=10_000))
    assert cash(desk) == (150_000, 150_000)
    again = desk.place(wish(desk, side=Side.SELL, quantity=Decimal(1)))
    assert again.violation is not None
    assert again.violation.rule == "short_collateral"


def test_what_is_bought_back_is_paid_from_the_collateral_that_it_frees(new_desk: Callable[..., Desk]) -> None:
    desk = short_desk(new_desk, minor=50_000)
    desk.fill(desk.place(wish(desk, side=Side.SELL)).order_id, "t-1", 10)
    assert cash(desk) == (150_000, 150_000)
    back = desk.place(wish(desk))
    assert (back.violation, cash(desk), units(desk)) == (None, (150_000, 150_000), (-10, -10))
    more = desk.place(wish(desk, quantity=Decimal(1)))
    assert more.violation is not None
    assert (more.violation.rule, more.violation.limit) == ("short_cover", "0")
    desk.fill(back.order_id, "t-1", 4)
    assert (cash(desk), units(desk)) == ((110_000, 90_000), (-6, -6))
    desk.cancel(back.order_id)
    assert (cash(desk), units(desk)) == ((110_000, 90_000), (-6, 0))
    desk.fill(desk.place(wish(desk, quantity=Decimal(6))).order_id, "t-1", 6)
    assert (cash(desk), units(desk), recounted(desk)) == ((50_000, 0), (0, 0), ())


def test_no_order_crosses_zero(new_desk: Callable[..., Desk]) -> None:
    desk = short_desk(new_desk)
    buy(desk, 5)
    too_much = desk.place(wish(desk, side=Side.SELL))
    assert too_much.violation is not None
    assert (too_much.violation.rule, too_much.violation.limit) == ("holdings", "5")
    assert desk.place(wish(desk, side=Side.SELL, quantity=Decimal(5))).violation is None
    assert units(desk) == (5, 5)


def test_a_short_sale_that_came_to_close_what_was_bought_meanwhile_takes_it_from_nobody(
    new_desk: Callable[..., Desk],
) -> None:
    desk = short_desk(new_desk)
    opening = desk.place(wish(desk, side=Side.SELL, quantity=Decimal(4), limit_price=Decimal(120)))
    buy(desk, 10)
    closing = desk.place(wish(desk, side=Side.SELL, quantity=Decimal(7), limit_price=Decimal(120)))
    assert closing.violation is not None
    assert (closing.violation.rule, closing.violation.limit) == ("holdings", "6")
    closing = desk.place(wish(desk, side=Side.SELL, quantity=Decimal(6), limit_price=Decimal(120)))
    desk.fill(opening.order_id, "t-1", 4, Decimal(120))
    assert units(desk) == (6, 6)
    desk.fill(closing.order_id, "t-1", 6, Decimal(120))
    assert (units(desk), cash(desk), recounted(desk)) == ((0, 0), (1_020_000, 0), ())


def test_a_bracket_that_sells_short_buys_back_from_its_collateral(new_desk: Callable[..., Desk]) -> None:
    desk = short_desk(new_desk, minor=60_000)
    legs = {"take_profit": Exit(limit_price=Decimal(90)), "stop_loss": Exit(stop_price=Decimal(110))}
    placed = desk.place(wish(desk, side=Side.SELL, order_class=OrderClass.BRACKET, **legs))
    entry, profit, loss = (order.id for order in desk.family(placed.order_id))
    desk.fill(entry, "t-1", 10)
    assert [desk.order(each).status for each in (profit, loss)] == ["accepted", "accepted"]
    assert (cash(desk), units(desk)) == ((160_000, 150_000), (-10, -10))
    desk.fill(loss, "t-1", 10, Decimal(115))
    assert (cash(desk), units(desk), recounted(desk)) == ((45_000, 0), (0, 0), ())


def test_a_short_sale_booked_by_hand_needs_its_collateral_and_a_reversal_frees_it(
    new_desk: Callable[..., Desk],
) -> None:
    desk = short_desk(new_desk, minor=40_000)
    sale = Draft(
        kind=Kind.SELL,
        occurred_at=desk.clock.now(),
        currency="USD",
        symbol="AAPL",
        quantity=Decimal(10),
        price=Decimal(100),
    )
    with pytest.raises(BookingRefused) as refused:
        desk.book(sale)
    assert refused.value.rule == "short_collateral"
    desk.deposit(10_000)
    desk.book(sale)
    assert cash(desk) == (150_000, 150_000)
    cover = replace(sale, kind=Kind.BUY, occurred_at=desk.clock.now(), price=Decimal(140))
    desk.book(cover)
    assert cash(desk) == (10_000, 0)
    reversed_in_turn = desk.rows(
        "SELECT id FROM app.transaction WHERE portfolio_id = %(p)s AND symbol = 'AAPL' ORDER BY id DESC"
    )
    for (transaction_id,), left in zip(reversed_in_turn, [(150_000, 150_000), (50_000, 0)], strict=True):
        desk.reverse(transaction_id)
        assert (cash(desk), recounted(desk)) == (left, ())


def test_units_that_were_transferred_out_came_with_no_proceeds_and_need_no_collateral(
    new_desk: Callable[..., Desk],
) -> None:
    desk = short_desk(new_desk, minor=0)
    desk.book(
        Draft(
            kind=Kind.TRANSFER_OUT,
            occurred_at=desk.clock.now(),
            currency="USD",
            symbol="AAPL",
            quantity=Decimal(10),
            price=Decimal(100),
        )
    )
    assert (units(desk), recounted(desk)) == ((-10, 0), ())
