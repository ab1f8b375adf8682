"""The fold against a slow model of it, by every method; and what must hold of any fold."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from lakehouse.portfolio.fold import Fact, Fold, FoldRefused
from lakehouse.portfolio.lots import LotMethod
from lakehouse.portfolio.transactions import Kind, LotPick, from_units, half_even

ONE = 10**8
START = datetime(2020, 1, 1, tzinfo=UTC)
ORDERED = (LotMethod.FIFO, LotMethod.LIFO, LotMethod.HIFO, LotMethod.SPECIFIC)
IN = (Kind.BUY, Kind.TRANSFER_IN)

trades = st.tuples(
    st.sampled_from((Kind.BUY, Kind.BUY, Kind.SELL, Kind.SELL, Kind.TRANSFER_IN, Kind.TRANSFER_OUT)),
    st.integers(1, 40).map(lambda units: units * ONE // 8),
    st.integers(0, 100_000),
    st.sampled_from(("USD", "USD", "USD", "EUR")),
)
splits = st.sampled_from(("2", "3", "0.5", "0.33333333", "0.00000001")).map(Decimal)
events = st.lists(st.one_of(trades, splits), max_size=25)


Event = tuple[Kind, int, int, str] | Decimal


def facts_of(given_events: list[Event]) -> list[Fact]:
    """The events as transactions, two on each day."""
    made = []
    for number, event in enumerate(given_events):
        new_id, at = UUID(int=number + 1), START + timedelta(days=number // 2)
        if isinstance(event, Decimal):
            kind = Kind.SPLIT if event > 1 else Kind.REVERSE_SPLIT
            made.append(Fact(id=new_id, kind=kind, symbol="A", occurred_at=at, currency="USD", ratio=event))
        else:
            kind, units, total, currency = event
            made.append(trade(number, kind, units, total, currency=currency, day=number // 2))
    return made


def trade(number: int, kind: Kind, units: int, total: int, *, currency: str = "USD", day: int = 0) -> Fact:
    """Units bought, sold or transferred."""
    return Fact(
        id=UUID(int=number + 1),
        kind=kind,
        symbol="A",
        occurred_at=START + timedelta(days=day),
        currency=currency,
        units=units,
        total_minor=total,
    )


@dataclass
class Open:
    """A lot of the model."""

    id: int
    opened_at: datetime
    units: int
    cost: int
    currency: str


class Model:
    """One instrument, folded with no thought for speed: every step sorts all lots again."""

    def __init__(self, method: LotMethod, *, allows_short: bool) -> None:
        self.method = method
        self.allows_short = allows_short
        self.lots: list[Open] = []
        self.closed: list[tuple[int, int, int, int, int]] = []

    def ordered(self) -> list[Open]:
        if self.method is LotMethod.LIFO:
            return sorted(self.lots, key=lambda lot: (lot.opened_at, lot.id), reverse=True)
        oldest = sorted(self.lots, key=lambda lot: (lot.opened_at, lot.id))
        if self.method is LotMethod.HIFO:
            dearest = sorted(oldest, key=lambda lot: -floor(Fraction(lot.cost * 10**16, lot.units)))
            return sorted(dearest, key=lambda lot: lot.currency)
        return oldest

    def apply(self, fact: Fact) -> bool:
        if fact.ratio is not None:
            self.split(fact, int(fact.ratio * ONE))
            return True
        sign = 1 if fact.kind in IN else -1
        held = sum(lot.units for lot in self.lots)
        closing = min(abs(held), fact.units) if held * sign < 0 else 0
        if sign < 0 and closing < fact.units and not self.allows_short:
            return False
        value = half_even(fact.total_minor * closing, fact.units)
        self.close(fact, closing, value if held > 0 else -value)
        if fact.units > closing:
            self.open(fact, sign * (fact.units - closing), sign * (fact.total_minor - value))
        return True

    def open(self, fact: Fact, units: int, cost: int) -> None:
        pool = [lot for lot in self.lots if lot.currency == fact.currency]
        if self.method is LotMethod.AVERAGE and pool:
            pool[0].units += units
            pool[0].cost += cost
        else:
            self.lots.append(Open(fact.id.int, fact.occurred_at, units, cost, fact.currency))

    def close(self, fact: Fact, closing: int, proceeds: int) -> None:
        while closing:
            lot = self.ordered()[0]
            part = min(closing, abs(lot.units))
            cost = half_even(lot.cost * part, abs(lot.units))
            got = cost if fact.kind in (Kind.TRANSFER_IN, Kind.TRANSFER_OUT) else half_even(proceeds * part, closing)
            signed = part if lot.units > 0 else -part
            self.closed.append((fact.id.int, lot.id, signed, cost, got))
            lot.units, lot.cost = lot.units - signed, lot.cost - cost
            closing, proceeds = closing - part, proceeds - got
            self.lots = [each for each in self.lots if each.units]

    def split(self, fact: Fact, ratio: int) -> None:
        for lot in self.lots:
            scaled = half_even(lot.units * ratio, ONE)
            if not scaled:
                self.closed.append((fact.id.int, lot.id, lot.units, lot.cost, 0))
            lot.units = scaled
        self.lots = [lot for lot in self.lots if lot.units]


def folded(facts: list[Fact], method: LotMethod, *, allows_short: bool) -> tuple[Fold, list[Fact]]:
    """A fold of what it does not refuse, and that."""
    fold, kept = Fold(method, allows_short=allows_short), []
    for fact in facts:
        try:
            fold.apply(fact)
            kept.append(fact)
        except FoldRefused:
            continue
    return fold, kept


State = tuple[list[tuple[object, ...]], list[tuple[object, ...]]]


def state(fold: Fold) -> State:
    """Everything that a fold says of the instrument."""
    lots: list[tuple[object, ...]] = [
        (lot.id, lot.opened_at, lot.original_units, lot.units, lot.cost_minor, lot.currency) for lot in fold.lots("A")
    ]
    return lots, [(c.closed_by, c.lot_id, c.units, c.cost_minor, c.proceeds_minor) for c in fold.closures]


@given(events, st.sampled_from(LotMethod), st.booleans())
def test_the_fold_is_that_of_the_slow_model(given_events: list[Event], method: LotMethod, allows_short: bool) -> None:
    facts = facts_of(given_events)
    fold, kept = folded(facts, method, allows_short=allows_short)
    model = Model(method, allows_short=allows_short)
    assert [fact for fact in facts if model.apply(fact)] == kept
    assert sorted((lot.id.int, lot.units, lot.cost_minor) for lot in fold.lots("A")) == sorted(
        (lot.id, lot.units, lot.cost) for lot in model.lots
    )
    assert sorted((c.closed_by.int, c.lot_id.int, c.units, c.cost_minor, c.proceeds_minor) for c in fold.closures) == (
        sorted(model.closed)
    )


@given(events, st.sampled_from(LotMethod), st.booleans())
def test_no_cent_and_no_unit_is_lost(given_events: list[Event], method: LotMethod, allows_short: bool) -> None:
    fold, kept = folded(facts_of(given_events), method, allows_short=allows_short)
    realised = sum(closure.proceeds_minor - closure.cost_minor for closure in fold.closures)
    left = sum(lot.cost_minor for lot in fold.lots("A"))
    transferred = {fact.id for fact in kept if fact.kind in (Kind.TRANSFER_IN, Kind.TRANSFER_OUT)}
    carried_off = sum(c.proceeds_minor for c in fold.closures if c.closed_by in transferred)
    brought = sum(_opened(fact, fold) for fact in kept if fact.id in transferred)
    paid = sum(
        fact.total_minor * (1 if fact.kind is Kind.BUY else -1) for fact in kept if fact.kind in (Kind.BUY, Kind.SELL)
    )
    assert left == paid + brought + realised - carried_off
    assert fold.units("A") == sum(lot.units for lot in fold.lots("A"))


def _opened(fact: Fact, fold: Fold) -> int:
    """The signed cost of the units of a transfer that opened a lot rather than closing one."""
    closing = sum(abs(closure.units) for closure in fold.closures if closure.closed_by == fact.id)
    sign = 1 if fact.kind is Kind.TRANSFER_IN else -1
    return sign * (fact.total_minor - half_even(fact.total_minor * closing, fact.units))


@given(events, st.sampled_from(LotMethod), st.booleans(), st.integers(0, 25))
def test_going_on_from_stored_lots_is_folding_it_all(
    given_events: list[Event], method: LotMethod, allows_short: bool, cut: int
) -> None:
    whole, kept = folded(facts_of(given_events), method, allows_short=allows_short)
    first = Fold(method, allows_short=allows_short)
    first.apply_all(kept[:cut])
    second = Fold(method, allows_short=allows_short)
    second.restore("A", [replace(lot) for lot in reversed(first.lots("A"))])
    second.apply_all(kept[cut:])
    assert state(second)[0] == state(whole)[0]
    assert [*first.closures, *second.closures] == whole.closures


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 10**6)), min_size=1, max_size=8), st.data())
def test_named_lots_are_those_that_close(given_lots: list[tuple[int, int]], data: st.DataObject) -> None:
    fold = Fold(LotMethod.SPECIFIC, allows_short=False)
    for number, (units, cost) in enumerate(given_lots):
        fold.apply(trade(number, Kind.BUY, units * ONE, cost))
    chosen = data.draw(st.lists(st.integers(0, len(given_lots) - 1), unique=True, min_size=1))
    parts = {number: data.draw(st.integers(1, given_lots[number][0])) for number in chosen}
    picks = tuple(LotPick(UUID(int=number + 1), Decimal(units)) for number, units in parts.items())
    fold.apply(replace(trade(98, Kind.SELL, sum(parts.values()) * ONE, 7), lots=picks))
    assert {closure.lot_id: closure.units for closure in fold.closures} == {
        UUID(int=number + 1): units * ONE for number, units in parts.items()
    }
    assert sum(closure.proceeds_minor for closure in fold.closures) == 7


@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**7)), min_size=1, max_size=6),
    st.decimals("0.00000001", "5", places=8),
    st.decimals(0, 1, places=8),
    st.sampled_from(ORDERED),
)
def test_a_spin_off_shares_the_cost_and_keeps_the_time(
    given_lots: list[tuple[int, int]], ratio: Decimal, share: Decimal, method: LotMethod
) -> None:
    fold = Fold(method, allows_short=False)
    for number, (units, cost) in enumerate(given_lots):
        fold.apply(trade(number, Kind.BUY, units, cost, day=number))
    units_before = {lot.opened_at: lot.units for lot in fold.lots("A")}
    fold.apply(
        Fact(
            id=UUID(int=99),
            kind=Kind.SPIN_OFF,
            symbol="A",
            occurred_at=START + timedelta(days=99),
            currency="USD",
            ratio=ratio,
            related_symbol="B",
            cost_share=share,
        )
    )
    assert sum(lot.cost_minor for lot in [*fold.lots("A"), *fold.lots("B")]) == sum(cost for _, cost in given_lots)
    assert {lot.opened_at: lot.units for lot in fold.lots("A")} == units_before
    for lot in fold.lots("B"):
        assert abs(from_units(lot.units) - from_units(units_before[lot.opened_at]) * ratio) <= Decimal("0.00000001")


@pytest.mark.parametrize("rule", ["lot_not_open", "lots_do_not_add_up"])
def test_wrong_picks_are_refused_and_leave_everything(rule: str) -> None:
    fold = Fold(LotMethod.SPECIFIC, allows_short=False)
    fold.apply(trade(0, Kind.BUY, 5 * ONE, 9))
    pick = LotPick(UUID(int=2 if rule == "lot_not_open" else 1), Decimal(2))
    before = state(fold)
    with pytest.raises(FoldRefused) as refused:
        fold.apply(replace(trade(2, Kind.SELL, 3 * ONE, 9), lots=(pick,)))
    assert (refused.value.rule, state(fold)) == (rule, before)
