"""What an order to buy back reserves, with the collateral that it frees, pays for it at the worst price."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from uuid import UUID

from hypothesis import given, strategies as st

from lakehouse.portfolio.lots import Lot, LotBook, LotMethod
from lakehouse.portfolio.transactions import from_units, to_units
from lakehouse.trading.order import Side
from lakehouse.trading.reservation import FEE_RATE, SHORT_COLLATERAL, cover_needed, margin_needed
from tests.factories.orders import order

START = datetime(2026, 1, 1, tzinfo=UTC)
UNITS = st.decimals("0.01", "500", places=2)
PRICES = st.decimals("0.01", "2000", places=2)
METHODS = st.sampled_from([LotMethod.FIFO, LotMethod.LIFO, LotMethod.HIFO, LotMethod.AVERAGE])


def collateral(lots: list[Lot]) -> int:
    """What `app.short_sale` says of these lots."""
    return sum(-((-lot.cost_minor * -3) // 2) for lot in lots)


@given(method=METHODS, sales=st.lists(st.tuples(UNITS, PRICES), min_size=1, max_size=6), price=PRICES, data=st.data())
def test_buying_back_never_needs_more_than_it_reserved_and_freed(
    method: LotMethod, sales: list[tuple[Decimal, Decimal]], price: Decimal, data: st.DataObject
) -> None:
    book = LotBook(method)
    for number, (units, sold_at) in enumerate(sales):
        new_id, worth = UUID(int=number + 1), int(units * sold_at * 100)
        book.open(
            Lot(new_id, new_id, START + timedelta(days=number), -to_units(units), -to_units(units), -worth, "USD")
        )
    before = collateral(list(book.lots))
    least = min(Decimal(collateral([lot])) / from_units(-lot.units) for lot in book.lots)
    quantity = data.draw(st.decimals("0.01", from_units(-book.units), places=2))
    reserved = cover_needed(order(quantity=quantity, limit_price=price), Decimal(1), least)
    book.take(to_units(quantity))
    paid = (quantity * price * 100 * (1 + FEE_RATE)).to_integral_value(ROUND_FLOOR)
    assert paid <= reserved + before - collateral(list(book.lots))


@given(quantity=UNITS, price=PRICES, better=st.decimals("0", "1", places=2))
def test_a_short_sale_needs_no_more_than_its_margin_down_to_its_limit(
    quantity: Decimal, price: Decimal, better: Decimal
) -> None:
    sale = replace(order(side=Side.SELL, quantity=quantity, limit_price=price), reference_price=None)
    margin = margin_needed(sale, Decimal(1))
    proceeds = int(quantity * price * 100 * (1 - better / 2))
    assert proceeds * (SHORT_COLLATERAL - 1) <= margin
