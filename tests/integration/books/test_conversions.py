"""Conversions between an account's currencies in a real PostgreSQL: both legs, the rate's rules, and the way back."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg import errors

from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.books.booking import BookingRefused
from lakehouse.stores.books.conversions import Conversion, Converted, convert
from lakehouse.stores.postgres import Transaction
from tests.factories.books import CLOCK, Holder, count, deposit, holder, inside, opened, put, undo

pytestmark = pytest.mark.integration

TODAY = CLOCK.now().date()
HUNDRED = Conversion(currency="USD", amount_minor=10_000, to_currency="EUR")


def rate(settings: Settings, base: str, quote: str, value: str, day: date = TODAY) -> None:
    """A rate of the store."""
    with postgres.connect(settings.postgres) as connection:
        connection.execute(
            "INSERT INTO market.fx_rate (base, quote, as_of, rate, provider) VALUES (%s, %s, %s, %s, 'test')",
            (base, quote, day, value),
        )


def converted(made: Holder, asked: Conversion) -> Converted:
    """A conversion in a transaction of its own."""

    async def work(connection: Transaction) -> Converted:
        return await convert(connection, await opened(connection, made), asked, clock=CLOCK)

    return inside(made.settings, work)


def balances(made: Holder) -> dict[tuple[str, str], int]:
    """What each of the account's ledger accounts holds, in minor units; those of deposits are left out."""
    with postgres.connect(made.settings.postgres) as connection:
        found = connection.execute(
            "SELECT purpose, currency, balance_minor FROM ledger.account "
            "WHERE account_id = %s AND purpose <> 'external' AND balance_minor <> 0",
            (made.account_id,),
        )
        return {(str(purpose), str(currency)): int(minor) for purpose, currency, minor in found}


@pytest.fixture
def rich(books: Settings) -> Holder:
    """Somebody with 1,000 dollars."""
    made = holder(books)
    put(made, [deposit(0, 100_000)])
    return made


def test_one_transfer_of_four_lines_sums_to_zero_in_both_currencies(rich: Holder) -> None:
    rate(rich.settings, "USD", "EUR", "0.93455")
    made = converted(rich, replace(HUNDRED, amount_minor=10_001))
    assert made.received_minor == 9_346  # 100.01 * 0.93455 = 93.464...
    assert balances(rich) == {
        ("cash", "USD"): 89_999,
        ("fx", "USD"): 10_001,
        ("cash", "EUR"): 9_346,
        ("fx", "EUR"): -9_346,
    }
    with postgres.connect(rich.settings.postgres) as connection:
        lines = connection.execute(
            "SELECT count(*), count(DISTINCT e.transfer_id) FROM ledger.entry AS e JOIN ledger.transfer AS t "
            "ON t.id = e.transfer_id WHERE t.source_id = %s",
            (made.transaction_id,),
        ).fetchone()
        event = connection.execute(
            "SELECT payload ->> 'received', payload ->> 'to_currency', payload ->> 'cash' FROM ops.outbox "
            "WHERE payload ->> 'kind' = 'conversion'"
        ).fetchone()
    assert lines == (4, 1)
    assert event == ("93.46", "EUR", "-100.01")
    assert count(rich).is_clean


@pytest.mark.parametrize(
    ("amount", "value", "received"), [(1_000, "0.5005", 500), (1_000, "0.5015", 502), (1, "0.5", 0), (3, "0.5", 2)]
)
def test_halves_go_to_the_even_minor_unit(rich: Holder, amount: int, value: str, received: int) -> None:
    rate(rich.settings, "USD", "EUR", value)
    asked = replace(HUNDRED, amount_minor=amount)
    if received:
        assert converted(rich, asked).received_minor == received
        return
    with pytest.raises(BookingRefused) as refused:
        converted(rich, asked)
    assert refused.value.rule == "received_not_positive"


def test_the_rate_is_the_newest_direct_inverted_or_across(rich: Holder) -> None:
    rate(rich.settings, "USD", "EUR", "0.90", TODAY - timedelta(days=2))
    rate(rich.settings, "EUR", "USD", "1.25", TODAY - timedelta(days=1))
    rate(rich.settings, "EUR", "CHF", "0.95", TODAY - timedelta(days=3))
    rate(rich.settings, "USD", "EUR", "5", TODAY + timedelta(days=2))
    euros = converted(rich, HUNDRED)
    francs = converted(rich, replace(HUNDRED, to_currency="CHF"))
    assert (euros.received_minor, euros.rate.as_of) == (8_000, TODAY - timedelta(days=1))
    assert (francs.received_minor, francs.rate.as_of) == (7_600, TODAY - timedelta(days=3))


def stale(settings: Settings) -> None:
    rate(settings, "USD", "EUR", "0.9", TODAY - timedelta(days=8))


def fresh(settings: Settings) -> None:
    rate(settings, "USD", "EUR", "0.9")


@pytest.mark.parametrize(
    ("given", "changes", "rule"),
    [
        (lambda _: None, {}, "rate_missing"),
        (stale, {}, "rate_stale"),
        (fresh, {"to_currency": "USD"}, "same_currency"),
        (fresh, {"min_receive_minor": 9_001}, "rate_beyond_limit"),
        (fresh, {"max_rate": Decimal("1.1111")}, "rate_beyond_limit"),
    ],
)
def test_what_is_refused_names_the_rule_and_books_nothing(
    rich: Holder, given: Callable[[Settings], None], changes: dict[str, Any], rule: str
) -> None:
    given(rich.settings)
    with pytest.raises(BookingRefused) as refused:
        converted(rich, replace(HUNDRED, **changes))
    assert refused.value.rule == rule
    assert balances(rich) == {("cash", "USD"): 100_000}


def test_limits_that_are_met_let_it_through(rich: Holder) -> None:
    fresh(rich.settings)
    assert (
        converted(rich, replace(HUNDRED, min_receive_minor=9_000, max_rate=Decimal("1.11111112"))).received_minor
        == 9_000
    )


def test_money_that_is_not_there_is_not_converted(rich: Holder) -> None:
    fresh(rich.settings)
    with pytest.raises(errors.CheckViolation) as refused:
        converted(rich, replace(HUNDRED, amount_minor=100_001))
    assert refused.value.diag.constraint_name == "ledger_account_no_overdraft"


def test_it_is_reversed_as_a_whole_while_what_it_brought_is_there(rich: Holder) -> None:
    fresh(rich.settings)
    first, second = converted(rich, HUNDRED), converted(rich, HUNDRED)
    undo(rich, first.transaction_id)
    assert balances(rich)["cash", "EUR"] == 9_000
    assert count(rich).is_clean
    converted(rich, Conversion(currency="EUR", amount_minor=9_000, to_currency="USD"))
    with pytest.raises(errors.CheckViolation) as refused:
        undo(rich, second.transaction_id)
    assert refused.value.diag.constraint_name == "ledger_account_no_overdraft"


def test_a_recount_notices_a_leg_that_was_not_booked(rich: Holder) -> None:
    fresh(rich.settings)
    made = converted(rich, HUNDRED)
    with postgres.connect(rich.settings.postgres) as connection:
        connection.execute("SET session_replication_role = replica")  # past the triggers, as a bug or a hand would
        connection.execute("UPDATE app.transaction SET to_minor = 8999 WHERE id = %s", (made.transaction_id,))
    found = count(rich).findings
    assert [(each.check, each.expected, each.found) for each in found] == [("cash_is_booked", "8999", "9000")]
