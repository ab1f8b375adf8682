"""The newest price and rates of a day, which every value of now rests on."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest

from lakehouse.portfolio.fx import Rates
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.books.newest import NewestPrice, newest_prices, newest_rates
from lakehouse.stores.postgres import Transaction, rows_of
from tests.factories.books import holder, inside

pytestmark = pytest.mark.integration

TODAY = date(2024, 3, 1)
NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def quote(settings: Settings, price: str, at: datetime, *, currency: str = "USD") -> None:
    with postgres.connect(settings.postgres) as connection:
        connection.execute(
            "INSERT INTO market.realtime_symbols (symbol, price, currency, provider, as_of, updated_at) "
            "VALUES ('AAPL', %s, %s, 'feed', %s, now())",
            (price, currency, at),
        )


def close(settings: Settings, price: str, day: date) -> None:
    with postgres.connect(settings.postgres) as connection:
        connection.execute(
            "INSERT INTO market.bar (symbol, interval, starts_at, close, provider, received_at) "
            "VALUES ('AAPL', '1d', %s, %s, 'lake', now())",
            (datetime(day.year, day.month, day.day, tzinfo=UTC), price),
        )


def newest(settings: Settings) -> tuple[str, str] | None:
    """The price of today and who says so."""

    async def work(connection: Transaction) -> dict[str, NewestPrice]:
        return await newest_prices(partial(rows_of, connection), ["AAPL", "MSFT"], TODAY)

    found = inside(settings, work).get("AAPL")
    return None if found is None else (f"{found.price:.0f}", found.provider)


def test_the_newer_of_quote_and_close_counts_and_of_one_day_the_quote(books: Settings) -> None:
    holder(books)
    assert newest(books) is None
    close(books, "10", TODAY - DAY)
    close(books, "99", TODAY + DAY)
    assert newest(books) == ("10", "lake")
    quote(books, "11", NOON - DAY)
    assert newest(books) == ("11", "feed")
    close(books, "12", TODAY)
    assert newest(books) == ("12", "lake")


@pytest.mark.parametrize(("at", "currency"), [(NOON, "EUR"), (NOON + DAY, "USD")])
def test_a_quote_in_another_currency_or_of_the_future_does_not(books: Settings, at: datetime, currency: str) -> None:
    holder(books)
    close(books, "10", TODAY - DAY)
    quote(books, "11", at, currency=currency)
    assert newest(books) == ("10", "lake")


def test_rates_are_the_newest_of_each_pair_and_go_by_way_of_the_pivots(books: Settings) -> None:
    pairs = (("EUR", "CHF", -2, "0.95"), ("EUR", "CHF", -9, "0.5"), ("EUR", "GBP", -1, "0.80"), ("EUR", "CHF", 1, "7"))
    with postgres.connect(books.postgres) as connection:
        for base, target, days, rate in pairs:
            connection.execute(
                "INSERT INTO market.fx_rate (base, quote, as_of, rate, provider) VALUES (%s, %s, %s, %s, 'test')",
                (base, target, TODAY + days * DAY, rate),
            )

    async def work(connection: Transaction) -> Rates:
        return await newest_rates(partial(rows_of, connection), ["CHF", "GBP"], TODAY)

    found = inside(books, work).find("GBP", "CHF", TODAY)
    assert found is not None
    assert (found.value, found.as_of) == (Decimal("1.1875"), TODAY - 2 * DAY)
