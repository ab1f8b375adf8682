"""Whole lots: hand-solved baskets, brute force, and cash to the cent."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from lakehouse.construction.lots import Basket, greedy, whole_lots
from lakehouse.construction.model import ConstructionError
from lakehouse.construction.policy import Costs

Lots = tuple[int, ...]
FREE = Costs(bps=Decimal(0), half_spread_bps=Decimal(0))


def basket(held: str, prices: str, wanted: str, cash: str, costs: Costs = FREE) -> Basket:
    def numbers(text: str) -> tuple[Decimal, ...]:
        return tuple(Decimal(word) for word in text.split())

    return Basket(numbers(held), numbers(prices), numbers(wanted), Decimal(cash), costs)


def test_the_nearest_whole_lots_are_traded() -> None:
    found = whole_lots(basket("10 0", "100 30", "500 500", "0"))
    assert found.lots == (-5, 16)  # 480 of 500, 20 in cash; 17 would need 510
    assert found.method == "milp"


@pytest.mark.parametrize("currencies", [(), ("EUR", "", "EUR"), ("", "EUR", ""), ("EUR", "JPY", "")])
def test_the_program_is_as_good_as_brute_force_and_greedy_is_not_better(currencies: tuple[str, ...]) -> None:
    case = replace(basket("3 1 0", "70 110 45", "160 160 160", "160"), currencies=currencies)
    best = min(
        case.distance(lots)
        for lots in itertools.product(range(-3, 8), range(-1, 5), range(12))
        if case.cash_after(lots) >= 0
    )
    assert case.distance(whole_lots(case).lots) == best
    assert case.distance(greedy(case)) >= best


def test_costs_come_out_of_the_cash_and_are_rounded_up() -> None:
    case = basket("0", "100", "1000", "1000", Costs(bps=Decimal(1), half_spread_bps=Decimal(2), per_order=Decimal(1)))
    found = whole_lots(case)
    assert found.lots == (9,)
    assert case.cost(0, 9) == Decimal("1.27")  # 900 x 3 bps = 0.27, and 1 an order
    assert case.cash_after(found.lots) == Decimal("98.73")


@pytest.mark.parametrize("way", [greedy, lambda case: whole_lots(case).lots])
def test_what_is_sold_in_another_currency_pays_for_purchases_in_it_alone(way: Callable[[Basket], Lots]) -> None:
    """Ten units of the first are sold in euros: none, or nine of the third, can be paid with what they bring."""
    euros, dollars = replace(basket("10 0 0", "100 100 110", "0 1000 0", "0"), currencies=("EUR", "", "EUR")), ""
    assert way(euros) == (-10, 0, 0)
    assert euros.cash_after((-10, 0, 0)) == 0
    assert way(replace(euros, cash=Decimal(250))) == (-10, 2, 0)
    assert way(replace(euros, currencies=(dollars,) * 3)) == way(replace(euros, currencies=())) == (-10, 10, 0)
    within = replace(euros, wanted=(Decimal(0), Decimal(0), Decimal(1100)))
    assert way(within) == (-10, 0, 9)
    assert way(replace(within, cash=Decimal(100))) == (-10, 0, 10)
    assert replace(within, cash=Decimal(100)).cash_after((-10, 0, 10)) == 0
    assert way(replace(within, currencies=("EUR", "", "JPY"), cash=Decimal(120))) == (-10, 0, 1)


def test_no_order_is_smaller_than_the_least() -> None:
    case = replace(basket("10 0", "100 100", "950 50", "0"), min_trade=Decimal(150))
    assert whole_lots(case).lots == (0, 0)
    assert whole_lots(replace(case, wanted=(Decimal(500), Decimal(500)))).lots == (-5, 5)


def test_lots_of_a_hundred_and_fractions_that_stay() -> None:
    case = replace(basket("250.5 0", "10 20", "0 2500", "0"), lot_size=100)
    found = whole_lots(case)
    assert found.lots == (-2, 1)
    assert case.cash_after(found.lots) == 0


def test_what_open_orders_keep_is_not_sold_by_either_way() -> None:
    case = replace(basket("10 0", "100 30", "0 1000", "0"), kept=(Decimal("3.5"), Decimal(0)))
    assert case.sellable(0) == 6
    assert whole_lots(case).lots == (-6, 20)
    assert greedy(case) == (-6, 20)
    assert replace(case, kept=(Decimal(11), Decimal(0))).sellable(0) == 0


def test_greedy_takes_over_where_the_time_is_up_and_says_so() -> None:
    count = 40
    prices = " ".join(str(10 + 7 * i % 83 + Decimal(i) / 10) for i in range(count))
    case = basket(" ".join(["0"] * count), prices, " ".join(["2500"] * count), "100000")
    found = whole_lots(case, seconds=0.0)
    assert found.method == "greedy"
    assert "greedy" in found.reason
    assert case.cash_after(found.lots) >= 0


def test_negative_cash_is_brought_up_by_sales() -> None:
    case = basket("10", "100", "1000", "-150")
    found = whole_lots(case)
    assert found.lots == (-2,)
    assert case.cash_after(found.lots) == 50


def test_negative_cash_without_anything_to_sell_is_refused() -> None:
    with pytest.raises(ConstructionError, match="deposit"):
        whole_lots(basket("0", "100", "0", "-1"))


def test_an_empty_basket_has_no_trades() -> None:
    assert whole_lots(basket("", "", "", "10")).lots == ()
