"""What holds of every portfolio: no flows, any scale, any base currency, and a rate that solves its equation."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given, strategies as st

from lakehouse.portfolio.flows import CashDay, Step, Steps
from lakehouse.portfolio.fx import Exchange, Quoted, Rates
from lakehouse.portfolio.performance import History, Performance, performance, plan
from lakehouse.portfolio.returns import Cut, time_weighted
from lakehouse.portfolio.transactions import Kind
from lakehouse.portfolio.valuation import Asset, Market, Prices
from lakehouse.portfolio.xirr import Payment, xirr

START = date(2020, 1, 1)
UNIT = 10**8
DAYS = 40

prices = st.lists(st.integers(UNIT, 500 * UNIT), min_size=DAYS, max_size=DAYS)
deposits = st.lists(
    st.tuples(st.integers(1, DAYS - 2), st.integers(1_00, 10_000_00)), max_size=6, unique_by=lambda each: each[0]
)


def day(after: int) -> date:
    return START + timedelta(days=after)


def run(closes: list[int], flows: list[tuple[int, int]], *, scale: int = 1, rate: str | None = None) -> Performance:
    """Ten units of A bought with a deposit on the first day, and deposits that stay cash, in dollars."""
    cash = [CashDay(day(0), "USD", 0, deposited_minor=scale * 10 * closes[0] // 10**6)]
    cash += [CashDay(day(at), "USD", scale * amount, deposited_minor=scale * amount) for at, amount in sorted(flows)]
    series = Prices()
    series.add("A", [(day(at), price) for at, price in enumerate(closes)])
    quoted = [] if rate is None else [Quoted("USD", "EUR", day(0), Decimal(rate))]
    market = Market({"A": Asset("A", "USD")}, series, Exchange(Rates(quoted), "USD" if rate is None else "EUR"))
    history = History(Steps.of([Step(day(0), Kind.BUY, "A", 10 * scale * UNIT)]), cash)
    return performance(history, plan(history, day(0), day(DAYS - 1)), market)


@given(prices)
def test_without_flows_time_weighted_is_simple(closes: list[int]) -> None:
    found = run([price // 10**6 * 10**6 for price in closes], [])
    assert found.time_weighted.total is not None
    assert found.simple.ratio is not None
    assert found.time_weighted.total == pytest.approx(found.simple.ratio, abs=Decimal("1e-30"))


@given(prices, deposits, st.integers(2, 1000))
def test_twice_the_money_earns_the_same_return(closes: list[int], flows: list[tuple[int, int]], scale: int) -> None:
    whole = [price // 10**6 * 10**6 for price in closes]
    once, often = run(whole, flows), run(whole, flows, scale=scale)
    assert once.time_weighted.total is not None
    assert often.time_weighted.total == pytest.approx(once.time_weighted.total, abs=Decimal("1e-30"))
    assert often.simple.gain_minor == scale * (once.simple.gain_minor or 0)


@given(prices, deposits)
def test_a_fixed_exchange_rate_changes_no_return(closes: list[int], flows: list[tuple[int, int]]) -> None:
    # At a rate of ten nothing is rounded, so the returns are equal to the last digit.
    whole = [price // 10**6 * 10**6 for price in closes]
    dollars, euros = run(whole, flows), run(whole, flows, rate="10")
    assert euros.time_weighted.total == dollars.time_weighted.total
    assert euros.simple.ratio == dollars.simple.ratio
    assert euros.simple.gain_minor == 10 * (dollars.simple.gain_minor or 0)


@given(prices, deposits)
def test_the_parts_are_the_gain(closes: list[int], flows: list[tuple[int, int]]) -> None:
    found = run(closes, flows)
    parts = found.parts
    total = sum(
        amount or 0
        for amount in (
            parts.realised_minor,
            parts.unrealised_minor,
            parts.income_minor,
            parts.charges_minor,
            parts.transferred_minor,
            parts.exchange_minor,
        )
    )
    assert total == found.simple.gain_minor


@given(st.lists(st.integers(1, 10**9), min_size=2, max_size=30))
def test_cutting_where_nothing_flows_changes_nothing(values: list[int]) -> None:
    whole = time_weighted([Cut(day(0), values[0]), Cut(day(len(values)), values[-1])])
    parts = time_weighted(
        [*(Cut(day(at), value) for at, value in enumerate(values[:-1])), Cut(day(len(values)), values[-1])]
    )
    assert whole.total is not None
    assert parts.total == pytest.approx(whole.total, abs=Decimal("1e-25") * max(values))


amounts = st.floats(1.0, 1e6, allow_nan=False)


@given(st.lists(st.tuples(st.integers(0, 4000), amounts), min_size=1, max_size=20), st.integers(1, 900), amounts)
def test_the_rate_discounts_to_zero(paid: list[tuple[int, float]], later: int, worth: float) -> None:
    payments = [Payment(day(at), -amount) for at, amount in paid]
    payments.append(Payment(day(max(at for at, _ in paid) + later), worth))
    found = xirr(payments)
    # Closer to -1 the rate itself, as a float, is not exact enough to discount with.
    assume(found.rate is not None and found.rate > -0.99)
    assert found.rate is not None
    growth, first = 1 + found.rate, min(payment.day for payment in payments)
    terms = [payment.amount * growth ** (-(payment.day - first).days / 365) for payment in payments]
    assert abs(sum(terms)) <= 1e-7 * sum(map(abs, terms))


@given(st.lists(st.tuples(st.integers(0, 3000), amounts), min_size=1, max_size=20), st.integers(1, 900), amounts)
def test_putting_in_before_taking_out_has_at_most_one_rate(
    paid: list[tuple[int, float]], later: int, worth: float
) -> None:
    payments = [Payment(day(at), -amount) for at, amount in paid]
    payments.append(Payment(day(max(at for at, _ in paid) + later), worth))
    assert len(xirr(payments).roots) <= 1
