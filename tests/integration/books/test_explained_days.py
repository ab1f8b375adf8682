"""A day as real books have it, explained, beside what the books' own valuations say that it gained."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from lakehouse.domain.quote import Bar
from lakehouse.portfolio.transactions import Draft, Kind
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.books.valuations import DayValue, Valued, value_days
from lakehouse.stores.postgres import Transaction
from lakehouse.stores.quotes import load_daily_bars
from spark_jobs.kit.holdings import Unmeasured
from spark_jobs.stress_explain import books as day_books
from spark_jobs.stress_explain.day import Day, explained
from spark_jobs.stress_explain.market import Close, TwoCloses
from spark_jobs.stress_explain.parameters import booked
from tests.factories.books import CLOCK, START, Holder, at, buy, deposit, holder, inside, put, sell, withdrawal

pytestmark = pytest.mark.integration

BEFORE, DAY = START.date(), (START + timedelta(days=1)).date()
PRICES = {"AAPL": ("50", "54"), "MSFT": ("100", "51")}
RATES = {BEFORE: "1.10", DAY: "1.08"}


def euros(kind: Kind, day: int, amount_minor: int) -> Draft:
    return replace(deposit(day, amount_minor), kind=kind, currency="EUR")


def priced(settings: Settings) -> None:
    bars = [
        Bar(
            symbol=symbol,
            interval="1d",
            starts_at=at(number).replace(hour=0),
            close=Decimal(price),
            provider="test",
        )
        for symbol, pair in PRICES.items()
        for number, price in enumerate(pair)
    ]
    with postgres.connect(settings.postgres) as connection:
        load_daily_bars(connection, bars, currency="USD", clock=CLOCK)
        for day, rate in RATES.items():
            connection.execute(
                "INSERT INTO market.fx_rate (base, quote, as_of, rate, provider) VALUES ('EUR', 'USD', %s, %s, 'test')",
                (day, rate),
            )


def values(made: Holder) -> list[DayValue]:
    """The portfolio's worth at both closes, as the nightly job values it."""

    async def work(connection: Transaction) -> list[DayValue]:
        owned = Valued(made.portfolio_id, made.owner_id, "USD")
        return await value_days(partial(postgres.rows_of, connection), owned, BEFORE, DAY)

    return inside(made.settings, work)


def held(made: Holder) -> dict[str, Decimal]:
    with postgres.connect(made.settings.postgres) as connection:
        rows = connection.execute(
            "SELECT symbol, quantity FROM app.position WHERE portfolio_id = %s", (made.portfolio_id,)
        )
        return {str(symbol): quantity for symbol, quantity in rows}


def test_an_explained_day_is_the_gain_that_the_books_have(books: Settings) -> None:
    made = holder(books)
    priced(books)
    put(made, [deposit(0, 1_000_000), euros(Kind.DEPOSIT, 0, 100_000), buy(0, "10", "49"),
               buy(0, "3", "99", symbol="MSFT")])  # fmt: skip
    before = held(made)
    split = Draft(kind=Kind.SPLIT, occurred_at=at(1), currency="USD", symbol="MSFT", ratio=Decimal(2))
    dividend = replace(deposit(1, 1_234), kind=Kind.DIVIDEND, symbol="AAPL")
    conversion = replace(euros(Kind.CONVERSION, 1, 50_000), to_currency="USD", to_minor=54_500, fx_rate=Decimal("1.09"))
    put(made, [buy(1, "4", "52", fee_minor=199), sell(1, "2", "53"), split, dividend, conversion, withdrawal(1, 7_000),
               replace(euros(Kind.INTEREST, 1, 300), tax_minor=100)])  # fmt: skip
    told = booked(day_books.read(books.postgres, BEFORE, DAY))
    earlier, later = (
        {symbol: Close(day, Decimal(pair[number]), "USD") for symbol, pair in PRICES.items()}
        for number, day in enumerate((BEFORE, DAY))
    )
    market = TwoCloses(BEFORE, DAY, earlier, later, told.rates, told.multipliers)
    key = str(made.portfolio_id)
    day = Day("USD", before, held(made), told.facts[key], told.cash[key])
    found = {item.explained.name: item for item in explained(day, market)}
    parts = {name: {part.value: n for part, n in item.explained.parts.items() if n} for name, item in found.items()}
    assert parts["AAPL"] == {"price": 4_000, "new_trades": 800 - 200, "income": 1_234, "fees": -199}
    assert parts["MSFT"] == {"price": 600}
    # 1,000 euros lost two cents each; half of them brought 1.09, a cent more than the day's rate.
    assert parts["EUR"] == {"fx": -2_000, "new_trades": 500, "income": 324, "fees": -108}
    then, now = values(made)
    assert then.worth.value_minor is not None
    assert now.worth.value_minor is not None
    assert now.net_flow_minor == -7_000
    gained = now.worth.value_minor - then.worth.value_minor - now.net_flow_minor
    assert sum(item.explained.total for item in found.values()) == gained
    assert found["EUR"].after == now.worth.cash["EUR"] * 108 // 100
    with pytest.raises(Unmeasured, match="split"):
        explained(replace(day, before=None), market)


def test_a_day_without_a_close_before_it_has_no_facts(books: Settings) -> None:
    made = holder(books)
    put(made, [deposit(0, 1_000_000), buy(0, "10", "49")])
    told = booked(day_books.read(books.postgres, None, DAY))
    assert (told.previous, told.facts, told.cash) == (None, {}, {})
