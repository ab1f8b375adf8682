"""What must hold for every day that is explained: parts and items sum to what the books say, to the last minor unit."""

from datetime import date
from decimal import Decimal

from hypothesis import given, settings, strategies as st

from lakehouse.domain.currency import rounded_minor
from lakehouse.portfolio.fx import Rates
from lakehouse.portfolio.transactions import Kind
from lakehouse.risk.pnl_explain import Part
from lakehouse.risk.scenarios import uniform
from spark_jobs.kit.holdings import Copied, valued
from spark_jobs.stress_explain.day import Day, explained
from spark_jobs.stress_explain.market import Close, TwoCloses
from spark_jobs.stress_explain.parameters import Fact, Scenarios
from spark_jobs.stress_explain.past import Past
from spark_jobs.stress_explain.stress import stress_rows

DAY, BEFORE = date(2022, 12, 28), date(2022, 12, 27)
SYMBOLS = ("AAA", "BBB")
UNITS = st.decimals(-1_000_000, 1_000_000, places=8)
PRICE = st.decimals("0.00000001", 100_000, places=8)
HELD = st.dictionaries(st.sampled_from(SYMBOLS), UNITS, max_size=2)
TRADES = st.lists(
    st.builds(
        Fact,
        kind=st.sampled_from([Kind.BUY, Kind.SELL]),
        symbol=st.sampled_from(SYMBOLS),
        quantity=st.decimals("0.00000001", 1_000_000, places=8),
        price=PRICE,
        currency=st.just("USD"),
        charges_minor=st.integers(0, 10**6),
    ),
    max_size=4,
)
INCOME = st.lists(
    st.builds(
        Fact,
        kind=st.just(Kind.DIVIDEND),
        symbol=st.sampled_from(SYMBOLS),
        currency=st.just("USD"),
        gross_minor=st.integers(0, 10**8),
    ),
    max_size=2,
)


def market(prices: list[tuple[Decimal, Decimal]]) -> TwoCloses:
    before = {symbol: Close(BEFORE, pair[0], "USD") for symbol, pair in zip(SYMBOLS, prices, strict=True)}
    after = {symbol: Close(DAY, pair[1], "USD") for symbol, pair in zip(SYMBOLS, prices, strict=True)}
    return TwoCloses(BEFORE, DAY, before, after, Rates([]), {})


PRICES = st.lists(st.tuples(PRICE, PRICE), min_size=2, max_size=2)


@settings(max_examples=200, deadline=None)
@given(HELD, HELD, TRADES, INCOME, PRICES)
def test_an_explained_day_is_what_worth_and_cash_say_it_was(
    before: dict[str, Decimal],
    after: dict[str, Decimal],
    trades: list[Fact],
    income: list[Fact],
    prices: list[tuple[Decimal, Decimal]],
) -> None:
    items = explained(Day("USD", before, after, (*trades, *income)), market(prices))
    for item in items:
        assert sum(item.explained.parts.values()) == item.explained.total
    known = dict(zip(SYMBOLS, prices, strict=True))

    def worth(held: dict[str, Decimal], close: int) -> int:
        return sum(rounded_minor(units * known[symbol][close], "USD") for symbol, units in held.items())

    paid = sum(
        (1 if fact.kind is Kind.SELL else -1) * rounded_minor(fact.quantity * fact.price, "USD") - fact.charges_minor
        for fact in trades
    )
    received = sum(fact.gross_minor for fact in income)
    assert sum(item.explained.total for item in items) == worth(after, 1) - worth(before, 0) + paid + received
    assert sum(item.after for item in items) == worth(after, 1)
    assert sum(item.before for item in items) == worth(before, 0)


@settings(max_examples=100, deadline=None)
@given(HELD, TRADES, PRICES)
def test_undone_trades_leave_nothing_unexplained(
    after: dict[str, Decimal], trades: list[Fact], prices: list[tuple[Decimal, Decimal]]
) -> None:
    for item in explained(Day("USD", None, after, trades), market(prices)):
        assert item.explained.parts[Part.UNEXPLAINED] == 0


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from(SYMBOLS), UNITS.filter(bool), min_size=1, max_size=2),
    PRICES,
    st.integers(0, 100),
)
def test_a_shock_of_nothing_is_nothing_and_its_mirror_the_opposite(
    units: dict[str, Decimal], prices: list[tuple[Decimal, Decimal]], percent: int
) -> None:
    move = percent / 100
    book = valued([Copied("p", "P", "USD", units)], market(prices).worth)
    tried = (uniform("none", "", 0.0), uniform("up", "", move), uniform("down", "", -move))
    none, up, down, _ = stress_rows(book, Past({}), Scenarios((), tried))
    assert none["pnl_base"] == 0
    assert up["pnl_base"] == -down["pnl_base"]
    value = book.holders[0].value
    assert value is not None
    assert abs(down["pnl_base"] + Decimal(move) * value) <= Decimal("0.02")  # the value's cents, and its own
