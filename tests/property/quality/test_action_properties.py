"""Back-adjusted prices can be undone exactly; prices and lots go through an action together: no value comes or goes."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from lakehouse.portfolio.fold import Fact, Fold
from lakehouse.portfolio.lots import LotMethod
from lakehouse.portfolio.transactions import Kind
from lakehouse.quality.actions import Action, ActionKind, ActionRefused, adjust, unadjust

START = date(2020, 1, 1)
ONE = 10**8


def action(kind: str, day: int, **terms: Any) -> Action:
    return Action(symbol="A", kind=ActionKind(kind), ex_date=START + timedelta(days=day), **terms)


def split(day: int, ratio: str) -> Action:
    return action("split" if Decimal(ratio) > 1 else "reverse_split", day, ratio=Decimal(ratio))


def spin_off(day: int, ratio: str, share: str) -> Action:
    return action("spin_off", day, ratio=Decimal(ratio), related_symbol="B", cost_share=Decimal(share))


def dividend(day: int, amount: str) -> Action:
    return action("dividend", day, amount=Decimal(amount), currency="USD")


ratios = st.sampled_from(["2", "3", "1.5", "0.1", "0.25"])
actions = st.lists(
    st.one_of(
        st.builds(split, st.integers(-2, 30), ratios),
        st.builds(spin_off, st.integers(-2, 30), ratios, st.sampled_from(["0.1", "0.37", "0.5"])),
        st.builds(dividend, st.integers(-2, 30), st.sampled_from(["0.01", "0.8", "0.99"])),
    ),
    max_size=6,
)
closes = st.lists(st.integers(1_000, 100_000).map(lambda cents: Fraction(cents, 100)), min_size=1, max_size=12)
gaps = st.lists(st.integers(1, 4), min_size=12, max_size=12)


def days_of(found: list[Fraction], between: list[int]) -> list[date]:
    return [START + timedelta(days=sum(between[:place])) for place in range(len(found))]


class TestPrices:
    @given(closes, gaps, actions)
    def test_it_can_be_undone_exactly(
        self, raw: list[Fraction], between: list[int], given_actions: list[Action]
    ) -> None:
        days = days_of(raw, between)
        adjusted = adjust(days, raw, given_actions)
        assert list(unadjust(days, adjusted, given_actions)) == raw
        assert adjusted[-1] == raw[-1]
        assert all(price > 0 for price in adjusted)

    @given(closes, gaps, actions)
    def test_the_order_of_actions_does_not_matter(
        self, raw: list[Fraction], between: list[int], given_actions: list[Action]
    ) -> None:
        days = days_of(raw, between)
        assert adjust(days, raw, given_actions) == adjust(days, raw, given_actions[::-1])

    def test_without_actions_nothing_changes(self) -> None:
        assert adjust([START], [Fraction(5)], []) == (Fraction(5),)
        assert adjust([], [], [split(3, "2")]) == ()

    def test_a_return_over_an_action_is_a_holder_s(self) -> None:
        """One unit at 100: a dividend of 2 and a two-for-one split leave two units at 50 and 2 in cash: 2 % on 98 is
        what back-adjustment takes as the reinvested return."""
        days = [START, START + timedelta(days=1)]
        before, after = adjust(days, [Fraction(100), Fraction(50)], [dividend(1, "2"), split(1, "2")])
        assert (before, after) == (Fraction(49), Fraction(50))

    def test_a_dividend_above_the_close_is_refused(self) -> None:
        days = [START, START + timedelta(days=1)]
        with pytest.raises(ActionRefused, match="not below the close"):
            adjust(days, [Fraction(2), Fraction(1)], [dividend(1, "2")])

    @pytest.mark.parametrize(
        ("kind", "terms"),
        [
            ("split", {}),
            ("split", {"ratio": Decimal("0.5")}),
            ("reverse_split", {"ratio": Decimal(2)}),
            ("split", {"ratio": Decimal(2), "amount": Decimal(1), "currency": "USD"}),
            ("spin_off", {"ratio": Decimal(1), "related_symbol": "B"}),
            ("spin_off", {"ratio": Decimal(1), "related_symbol": "A", "cost_share": Decimal("0.1")}),
            ("spin_off", {"ratio": Decimal(1), "related_symbol": "B", "cost_share": Decimal(1)}),
            ("dividend", {"amount": Decimal(1)}),
            ("dividend", {"amount": Decimal(0), "currency": "USD"}),
            ("dividend", {"amount": Decimal(1), "currency": "USD", "ratio": Decimal(1)}),
        ],
    )
    def test_an_action_that_contradicts_itself_is_refused(self, kind: str, terms: dict[str, Any]) -> None:
        with pytest.raises(ActionRefused, match=f"{kind} of A on 2020-01-02"):
            action(kind, 1, **terms)


lots = st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 10**7)), min_size=1, max_size=5)


def folded(held: list[tuple[int, int]], done: Action) -> tuple[Fold, Fold]:
    """The lots before and after an action, bought on the days before it."""
    before, after = (Fold(LotMethod.FIFO, allows_short=False) for _ in range(2))
    at = datetime(2020, 1, 1, tzinfo=UTC)
    for fold in (before, after):
        for number, (units, cost) in enumerate(held):
            bought = Fact(
                id=UUID(int=number + 1),
                kind=Kind.BUY,
                symbol="A",
                occurred_at=at,
                currency="USD",
                units=units * ONE,
                total_minor=cost,
            )
            fold.apply(bought)
    after.apply(
        Fact(
            id=UUID(int=99),
            kind=Kind(str(done.kind)),
            symbol="A",
            occurred_at=at + timedelta(days=1),
            currency="USD",
            ratio=done.ratio,
            related_symbol=done.related_symbol,
            cost_share=done.cost_share,
        )
    )
    return before, after


class TestLots:
    @given(lots, ratios, st.integers(1, 10**6))
    def test_a_split_changes_units_and_price_and_no_value(
        self, held: list[tuple[int, int]], ratio: str, cents: int
    ) -> None:
        done = split(1, ratio)
        before, after = folded(held, done)
        price = Fraction(cents, 100)
        days = [START, START + timedelta(days=1)]
        then, _ = adjust(days, [price, price * done.scale], [done])
        assert then * after.units("A") == price * before.units("A")
        assert sum(lot.cost_minor for lot in after.lots("A")) == sum(lot.cost_minor for lot in before.lots("A"))

    @given(lots, st.sampled_from(["1", "0.5", "0.125"]), st.sampled_from(["0.1", "0.37", "0.5"]))
    def test_a_spin_off_moves_cost_and_loses_none(self, held: list[tuple[int, int]], ratio: str, share: str) -> None:
        before, after = folded(held, spin_off(1, ratio, share))
        cost = sum(lot.cost_minor for lot in before.lots("A"))
        moved = sum(lot.cost_minor for lot in after.lots("B"))
        assert sum(lot.cost_minor for lot in after.lots("A")) + moved == cost
        assert abs(moved - cost * Fraction(share)) <= Fraction(len(held), 2)
        assert after.units("A") == before.units("A")
        assert after.units("B") == before.units("A") * Fraction(ratio)
