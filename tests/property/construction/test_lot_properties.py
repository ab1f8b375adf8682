"""What holds of whole lots, whatever the basket."""

from decimal import Decimal

import numpy as np
from hypothesis import given, settings, strategies as st

from lakehouse.construction.lots import Basket, Short, greedy, whole_lots
from lakehouse.construction.policy import Costs, Pace, towards

PRICES = st.decimals(Decimal("0.50"), Decimal(900), places=2)


@st.composite
def baskets(draw: st.DrawFn) -> Basket:
    count = draw(st.integers(1, 6))
    numbers = st.lists(st.integers(0, 40), min_size=count, max_size=count)
    prices = draw(st.lists(PRICES, min_size=count, max_size=count))
    held = draw(numbers)
    cash = draw(st.decimals(Decimal(0), Decimal(20_000), places=2))
    value = cash + sum((q * p for q, p in zip(held, prices, strict=True)), Decimal(0))
    shares = draw(numbers)
    whole = max(1, sum(shares))
    wanted = tuple((value * share / whole).quantize(Decimal("0.01")) for share in shares)
    costs = Costs(per_share=Decimal(draw(st.sampled_from(["0", "0.005"]))), per_order=Decimal(draw(st.integers(0, 5))))
    least = Decimal(draw(st.sampled_from([0, 100])))
    return Basket(tuple(map(Decimal, held)), tuple(prices), wanted, cash, costs, min_trade=least)


@settings(max_examples=60, deadline=None)
@given(baskets())
def test_cash_is_never_negative_nothing_is_sold_short_and_small_orders_are_left_out(basket: Basket) -> None:
    for lots in (whole_lots(basket).lots, greedy(basket)):
        assert basket.cash_after(lots) >= 0
        assert all(q + n >= 0 for q, n in zip(basket.held, lots, strict=True))
        assert all(n == 0 or abs(basket.notional(i, n)) >= basket.min_trade for i, n in enumerate(lots))


@settings(max_examples=40, deadline=None)
@given(baskets())
def test_the_program_is_never_worse_than_greedy(basket: Basket) -> None:
    def badness(lots: tuple[int, ...]) -> Decimal:
        return basket.distance(lots) + sum((basket.cost(i, n) for i, n in enumerate(lots)), Decimal(0))

    found = whole_lots(basket)
    slack = Decimal("0.05") * len(found.lots) + basket.value * Decimal("0.00001") + max(basket.prices) * 2
    assert badness(found.lots) <= badness(greedy(basket)) + (Decimal(0) if found.method == "greedy" else slack)
    assert whole_lots(basket) == found


@given(st.integers(0, 10_000), st.floats(0.01, 1.0), st.floats(0.01, 2.0))
def test_a_step_keeps_the_budget_and_its_length(seed: int, rate: float, longest: float) -> None:
    draw = np.random.default_rng(seed)
    before, target = draw.dirichlet(np.ones(5)), draw.dirichlet(np.ones(5))
    step = towards(before, target, Pace(rate, longest))
    assert abs(step.sum() - 1) < 1e-9
    assert np.abs(step - before).sum() <= longest + 1e-9
    assert (step >= np.minimum(before, target) - 1e-12).all()


@st.composite
def baskets_with_shorts(draw: st.DrawFn) -> Basket:
    """Positions of both signs, within their gross exposure, and wanted ones of both signs within it too."""
    count = draw(st.integers(1, 5))
    prices = draw(st.lists(PRICES, min_size=count, max_size=count))
    held = draw(st.lists(st.integers(-20, 40), min_size=count, max_size=count))
    cash = draw(st.decimals(Decimal(0), Decimal(20_000), places=2))
    shorts = tuple(
        Short(-q * p * Decimal("1.5"), p * Decimal("1.5")) if q < 0 else Short()
        for q, p in zip(held, prices, strict=True)
    )
    worth = [q * p for q, p in zip(held, prices, strict=True)]
    value = cash + sum((short.kept for short in shorts), Decimal(0)) + sum(worth, Decimal(0))
    most = draw(st.sampled_from([Decimal(1), Decimal("1.5"), Decimal(2)]))
    parts = draw(st.lists(st.integers(-10, 20), min_size=count, max_size=count))
    gross = max(1, sum(map(abs, parts)))
    wanted = tuple((max(value, Decimal(0)) * most * part / gross).quantize(Decimal("0.01")) for part in parts)
    may = draw(st.booleans())
    return Basket(
        tuple(map(Decimal, held)),
        tuple(prices),
        wanted,
        cash,
        Costs(per_order=Decimal(draw(st.integers(0, 3)))),
        min_trade=Decimal(draw(st.sampled_from([0, 100]))),
        shorts=shorts,
        may_short=(may,) * count,
        max_gross=most,
        currencies=tuple(draw(st.lists(st.sampled_from(["", "", "EUR", "JPY"]), min_size=count, max_size=count))),
    )


@settings(max_examples=80, deadline=None)
@given(baskets_with_shorts())
def test_shorts_take_cash_keep_the_gross_exposure_and_no_order_goes_through_zero(basket: Basket) -> None:
    found = whole_lots(basket).lots
    assert basket.cash_after(found) >= 0
    still = (0,) * len(found)
    assert basket.is_within_gross(found) or not basket.is_within_gross(still)
    for i, (held, lots) in enumerate(zip(basket.held, found, strict=True)):
        after = held + lots
        assert held * after >= 0
        assert after >= 0 or basket.may_short[i] or after >= held  # no new short where none may be
        assert lots == 0 or abs(basket.notional(i, lots)) >= basket.min_trade


@settings(max_examples=60, deadline=None)
@given(baskets_with_shorts())
def test_what_is_kept_back_is_all_of_the_cash_that_shorts_take(basket: Basket) -> None:
    """Trading moves cash between free, kept back and invested, and loses costs: nothing else."""
    found = whole_lots(basket).lots
    costs = sum((basket.cost(i, n) for i, n in enumerate(found)), Decimal(0))
    assert abs(basket.equity_after(found) - (basket.value - costs)) <= Decimal("0.01") * len(found)
    for i, lots in enumerate(found):
        if lots < 0 and basket.held[i] <= 0:
            assert basket.spent(i, lots) >= abs(basket.notional(i, lots)) / 2
