"""What the planning of proposals reads of open orders: units, lots and purchases."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from lakehouse.construction.lots import Short
from lakehouse.construction.policy import Policy
from lakehouse.construction.policy_document import document
from lakehouse.settings import Settings
from lakehouse.trading.order import Side
from spark_jobs.rebalance import policies
from spark_jobs.rebalance.parameters import parse
from tests.factories.trading import Desk, buy, wish

DAY = date(2024, 3, 1)
POLICY = """
    INSERT INTO app.rebalance_policy (portfolio_id, is_enabled, frequency, anchor_on, next_on, document)
    VALUES (%s, true, 'monthly', %s, %s, %s)
"""


def due(desk: Desk, settings: Settings) -> dict[str, Any]:
    """The desk's portfolio as a run would be handed it."""
    desk.reader.execute(POLICY, (desk.portfolio_id, DAY, DAY, Jsonb(document(Policy()))))
    found = policies.due(settings.postgres, DAY)
    return next(each for each in found if each["portfolio_id"] == str(desk.portfolio_id))


def test_open_orders_keep_units_and_cash_and_may_buy(desk: Desk, trading_settings: Settings) -> None:
    buy(desk, 20)
    sale = desk.place(wish(desk, side=Side.SELL, quantity=Decimal(6), limit_price=Decimal(101)))
    desk.fill(sale.order_id, "part", 2, Decimal(101))
    desk.place(wish(desk, quantity=Decimal("1.5")))
    desk.place(wish(desk, quantity=Decimal(3)))
    desk.cancel(desk.place(wish(desk, quantity=Decimal(5))).order_id)
    found = due(desk, trading_settings)
    assert (found["kept"], found["coming"], found["lot_method"]) == ({"AAPL": "4"}, {"AAPL": "4.5"}, "fifo")
    assert [Decimal(lot["quantity"]) for lot in found["lots"]] == [18]
    assert Decimal(found["cash"]) == Decimal("8202.00") - Decimal("450.45")  # a tenth of a per cent for fees


def test_lots_that_an_open_sale_has_named_are_left_out(
    new_desk: Callable[..., Desk], trading_settings: Settings
) -> None:
    desk = new_desk()
    desk.reader.execute("UPDATE app.account SET lot_method = 'specific' WHERE id = %s", (desk.account_id,))
    desk.deposit(1_000_000)
    buy(desk, 10)
    [(lot,)] = desk.rows("SELECT id FROM app.lot WHERE portfolio_id = %(p)s")
    sale = desk.place(wish(desk, side=Side.SELL, quantity=Decimal(4), lots=((UUID(str(lot)), Decimal(4)),)))
    desk.fill(sale.order_id, "part", 1)
    found = due(desk, trading_settings)
    assert (found["kept"], found["lot_method"]) == ({"AAPL": "3"}, "specific")
    [left] = found["lots"]
    assert left["id"] == str(lot)
    assert [Decimal(left["quantity"]), Decimal(left["cost"])] == [6, 600]


def test_what_is_kept_back_for_a_short_position_is_told(
    new_desk: Callable[..., Desk], trading_settings: Settings
) -> None:
    desk = new_desk(allows_short=True)
    desk.deposit(1_000_000)
    desk.fill(desk.place(wish(desk, side=Side.SELL)).order_id, "short", 10)
    desk.place(wish(desk, quantity=Decimal(4), limit_price=Decimal(90)))
    found = due(desk, trading_settings)
    assert found["may_short"] is True
    assert found["kept"] == {"AAPL": "-4"}
    assert {name: Decimal(value) for name, value in found["shorts"]["AAPL"].items()} == {"kept": 1500, "freed": 150}
    assert Decimal(found["cash"]) == Decimal("9500.00")
    parsed = parse({"windows": {}, "due": [found]}).due[0]
    assert parsed.shorts == {"AAPL": Short(Decimal(1500), Decimal(150))}
