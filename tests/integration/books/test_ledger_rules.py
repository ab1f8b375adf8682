"""The rules of the ledger in a real PostgreSQL, with the rights of the API: sums, once only, nothing changed."""

from dataclasses import replace
from typing import LiteralString
from uuid import UUID

import pytest
from psycopg import errors, sql

from lakehouse.domain.ids import uuid7
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.books import ledger
from lakehouse.stores.books.ledger import Line, Transfer
from lakehouse.stores.postgres import Transaction
from tests.factories.books import CLOCK, Holder, at, deposit, holder, inside, put, withdrawal

pytestmark = pytest.mark.integration

ANOTHER_LINE: LiteralString = """
    INSERT INTO ledger.entry (transfer_id, line, ledger_account_id, currency, amount_minor)
    SELECT transfer_id, 9, ledger_account_id, currency, 1 FROM ledger.entry LIMIT 1
"""


class TestLedger:
    def test_a_transfer_that_does_not_sum_to_zero_is_refused_at_the_commit(self, books: Settings) -> None:
        made = holder(books)
        with pytest.raises(errors.CheckViolation) as refused:
            moved(made, 5, -4)
        assert refused.value.diag.constraint_name == "transfer_sums_to_zero"

    def test_a_source_is_booked_and_reversed_once(self, books: Settings) -> None:
        made = holder(books)
        transfer = moved(made, 5, -5)

        async def reverse_it(connection: Transaction) -> UUID | None:
            source_id = transfer.source_id
            return await ledger.reverse_transfer(
                connection, kind="test", source_id=source_id, effective_at=at(1), clock=CLOCK
            )

        with pytest.raises(errors.UniqueViolation) as again:
            inside(books, lambda connection: ledger.post(connection, [replace(transfer, id=uuid7(CLOCK))]))
        assert inside(books, reverse_it) is not None
        with pytest.raises(errors.UniqueViolation) as reversed_again:
            inside(books, reverse_it)
        assert again.value.diag.constraint_name == reversed_again.value.diag.constraint_name == "transfer_once"

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM ledger.entry",
            "UPDATE ledger.entry SET amount_minor = 1",
            "UPDATE ledger.transfer SET note = 'x'",
            "UPDATE ledger.account SET balance_minor = 0",
            "DELETE FROM ledger.account",
            "TRUNCATE ledger.entry",
            "INSERT INTO ledger.account (id, purpose, currency, allows_negative, balance_minor) "
            "VALUES (gen_random_uuid(), 'mint', 'USD', true, 5)",
            "INSERT INTO ledger.currency VALUES ('ABC', 2)",
        ],
    )
    def test_the_role_of_the_api_may_not(self, books: Settings, statement: LiteralString) -> None:
        with pytest.raises(errors.InsufficientPrivilege):
            inside(books, lambda connection: connection.execute(statement))

    @pytest.mark.parametrize("table", ["ledger.entry", "ledger.transfer", "app.transaction"])
    def test_not_even_the_owner_deletes_what_was_booked(self, books: Settings, table: str) -> None:
        put(holder(books), [deposit(0, 5)])
        with postgres.connect(books.postgres) as connection, pytest.raises(errors.RestrictViolation):
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(*table.split("."))))

    def test_a_booked_transfer_gets_no_further_line(self, books: Settings) -> None:
        put(holder(books), [deposit(0, 5)])
        with pytest.raises(errors.RestrictViolation):
            inside(books, lambda connection: connection.execute(ANOTHER_LINE))

    def test_cash_is_reserved_once(self, books: Settings) -> None:
        made = holder(books)
        put(made, [deposit(0, 100)])
        reserve(made, 60)
        for delta, currency in ((60, "USD"), (-61, "USD"), (1, "EUR")):
            with pytest.raises(errors.CheckViolation) as refused:
                reserve(made, delta, currency)
            assert refused.value.diag.constraint_name == "ledger_account_reserved_covered"
        with pytest.raises(errors.CheckViolation):
            put(made, [withdrawal(1, 41)])
        put(made, [withdrawal(1, 40)])


def moved(made: Holder, cash_minor: int, outside_minor: int) -> Transfer:
    """A transfer between the holder's cash and its counter account, posted in a transaction of its own."""

    async def work(connection: Transaction) -> Transfer:
        wanted = [("cash", "USD"), ("external", "USD")]
        found = await ledger.ledger_accounts(connection, account_id=made.account_id, wanted=wanted, clock=CLOCK)
        lines = [Line(found["cash", "USD"], "USD", cash_minor), Line(found["external", "USD"], "USD", outside_minor)]
        made_now = Transfer(id=uuid7(CLOCK), kind="test", source_id=uuid7(CLOCK), effective_at=at(0), lines=lines)
        await ledger.post(connection, [made_now])
        return made_now

    return inside(made.settings, work)


def reserve(made: Holder, delta_minor: int, currency: str = "USD") -> None:
    """Reserve cash in a transaction of its own."""
    inside(
        made.settings,
        lambda connection: ledger.reserve_cash(
            connection, account_id=made.account_id, currency=currency, delta_minor=delta_minor
        ),
    )
