"""Bookings in a real PostgreSQL, with the rights of the API: the stored books are the fold, whatever the order."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import LiteralString

import psycopg
import pytest
from psycopg import errors

from lakehouse.cli import recount_job
from lakehouse.contracts.job_process import JobExit
from lakehouse.domain.ids import uuid7
from lakehouse.migrations.postgres.demo import seed_demo
from lakehouse.portfolio.transactions import Draft, Kind
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.books.booking import BookingRefused, open_books, refusals
from lakehouse.stores.postgres import Transaction
from tests.factories.books import (
    CLOCK,
    Holder,
    at,
    booked,
    buy,
    count,
    deposit,
    holder,
    inside,
    opened,
    put,
    sell,
    trade,
    undo,
    withdrawal,
)

pytestmark = pytest.mark.integration

BULK = 5000
METHODS = ("fifo", "lifo", "hifo", "average", "specific")


def stored(made: Holder) -> list[tuple[object, ...]]:
    """Lots, closures and positions, without the ids that differ from booking to booking."""
    with postgres.connect(made.settings.postgres) as connection:
        return connection.execute(
            "SELECT 'lot', l.symbol, l.opened_at, l.quantity, l.cost_minor "
            "FROM app.lot AS l WHERE l.portfolio_id = %(p)s "
            "UNION ALL SELECT 'closure', c.symbol, c.closed_at, c.quantity, c.cost_minor - c.proceeds_minor "
            "FROM app.lot_closure AS c WHERE c.portfolio_id = %(p)s "
            "UNION ALL SELECT 'position', x.symbol, NULL, x.quantity, 0 "
            "FROM app.position AS x WHERE x.portfolio_id = %(p)s "
            "ORDER BY 1, 2, 3, 4, 5",
            {"p": made.portfolio_id},
        ).fetchall()


def history() -> list[Draft]:
    """A history of two instruments with splits, a spin-off, transfers and dividends, one transaction a day."""
    spin_off = Draft(
        kind=Kind.SPIN_OFF,
        occurred_at=at(60),
        currency="USD",
        symbol="AAPL",
        ratio=Decimal("0.3"),
        related_symbol="MSFT",
        cost_share=Decimal("0.123"),
    )
    split = Draft(kind=Kind.SPLIT, occurred_at=at(30), currency="USD", symbol="AAPL", ratio=Decimal(3))
    dividend = Draft(
        kind=Kind.DIVIDEND, occurred_at=at(45), currency="USD", symbol="AAPL", amount_minor=999, tax_minor=150
    )
    return [
        deposit(0, 10**9),
        buy(1, "100", "33.33", fee_minor=99),
        buy(2, "50.5", "41.07", fee_minor=101),
        buy(3, "70", "11.11", symbol="MSFT"),
        sell(10, "33.3", "50", fee_minor=7),
        trade(Kind.TRANSFER_IN, 20, "12", "20"),
        split,
        sell(40, "150", "15.01"),
        dividend,
        spin_off,
        trade(Kind.TRANSFER_OUT, 70, "9", "17"),
        sell(80, "80.7", "12.5", symbol="MSFT"),
        buy(90, "1", "1"),
        withdrawal(91, 12345),
    ]


@pytest.mark.parametrize("method", METHODS)
def test_any_order_of_booking_gives_the_same_books(books: Settings, method: str) -> None:
    drafts = history()
    in_order, at_once, shuffled = (holder(books, method=method) for _ in range(3))
    for draft in drafts:
        put(in_order, [draft])
    put(at_once, drafts)
    backwards = [*drafts[:4], *reversed([each for each in drafts[4:] if each.kind is not Kind.SELL])]
    put(shuffled, backwards)
    for draft in [each for each in drafts if each.kind is Kind.SELL]:
        put(shuffled, [draft])
    assert stored(in_order) == stored(at_once) == stored(shuffled)
    for made in (in_order, at_once, shuffled):
        assert count(made).is_clean


@pytest.mark.parametrize("method", METHODS)
def test_reversed_is_as_if_it_had_never_been(books: Settings, method: str) -> None:
    drafts = history()
    plain, reversing = holder(books, method=method), holder(books, method=method)
    extra = [buy(5, "10", "77"), buy(65, "3", "5", symbol="MSFT"), replace(history()[9], occurred_at=at(61))]
    put(plain, drafts)
    put(reversing, drafts)
    for made in put(reversing, extra):
        undo(reversing, made)
    assert stored(plain) == stored(reversing)
    assert count(reversing).is_clean


def test_a_reversal_that_later_ones_need_is_refused_and_changes_nothing(books: Settings) -> None:
    made = holder(books)
    first = (put(made, [deposit(0, 10**6), buy(1, "10", "5"), sell(2, "10", "6")]))[1]
    before = stored(made)
    with pytest.raises(BookingRefused) as refused:
        undo(made, first)
    assert (refused.value.rule, stored(made)) == ("needed_by_a_later_one", before)


def test_a_reversal_of_money_that_is_gone_is_refused(books: Settings) -> None:
    made = holder(books)
    first = (put(made, [deposit(0, 500), withdrawal(1, 500)]))[0]
    with pytest.raises(psycopg.IntegrityError) as refused:
        undo(made, first)
    assert refused.value.diag.constraint_name == "ledger_account_no_overdraft"


def test_what_an_order_made_is_not_reversed(books: Settings) -> None:
    made = holder(books)
    fill = replace(buy(1, "1", "1"), source="fill", fill_id=uuid7(CLOCK))
    ids = put(made, [deposit(0, 500), fill])
    with pytest.raises(BookingRefused) as refused:
        undo(made, ids[1])
    assert refused.value.rule == "made_by_an_order"


@pytest.mark.parametrize(
    ("drafts", "index", "rule"),
    [
        ([deposit(0, 10**6), buy(1, "5", "1"), sell(2, "6", "1")], 2, "sells_more_than_held"),
        ([deposit(0, 10**6), sell(1, "5", "1"), buy(2, "6", "1")], 1, "sells_more_than_held"),
        ([buy(1, "5", "1", symbol="NONE")], 0, "unknown_instrument"),
        ([replace(buy(1, "5", "1"), currency="EUR")], 0, "fx_rate_missing"),
        ([replace(buy(1, "5", "1"), fx_rate=Decimal(2))], 0, "fx_rate_given"),
        ([deposit(1, 1), replace(deposit(1, 1), currency="ZZZ")], 1, "amount_not_representable"),
        ([deposit(1, 1), deposit(100_000, 1)], 1, "in_the_future"),
    ],
)
def test_a_refusal_names_the_draft_and_the_rule(books: Settings, drafts: list[Draft], index: int, rule: str) -> None:
    made = holder(books)
    with pytest.raises(BookingRefused) as refused:
        put(made, drafts)
    assert (refused.value.index, refused.value.rule, stored(made)) == (index, rule, [])


def test_a_backdated_sale_that_a_later_one_contradicts_is_refused(books: Settings) -> None:
    made = holder(books)
    put(made, [deposit(0, 10**6), buy(1, "10", "5"), sell(5, "10", "6")])
    with pytest.raises(BookingRefused) as refused:
        put(made, [sell(3, "1", "6")])
    assert refused.value.rule == "contradicts_a_later_one"


def test_every_refusal_of_a_file_is_told_at_once(books: Settings) -> None:
    made = holder(books)
    drafts = [
        buy(1, "5", "1"),
        sell(2, "6", "1"),
        buy(3, "1", "1", symbol="NONE"),
        sell(4, "5", "1"),
        sell(5, "1", "1"),
    ]

    async def work(connection: Transaction) -> dict[int, BookingRefused]:
        return await refusals(connection, await opened(connection, made), drafts, clock=CLOCK)

    told = inside(books, work)
    assert {index: each.rule for index, each in told.items()} == {
        1: "sells_more_than_held",
        2: "unknown_instrument",
        4: "sells_more_than_held",
    }
    assert stored(made) == []


def test_where_it_is_allowed_a_sale_goes_short_and_a_purchase_covers(books: Settings) -> None:
    made = holder(books, allows_short=True)
    put(made, [deposit(0, 10**6), sell(1, "10", "5"), buy(2, "14", "4")])
    with postgres.connect(books.postgres) as connection:
        gain = connection.execute("SELECT quantity, proceeds_minor - cost_minor FROM app.lot_closure").fetchall()
        left = connection.execute("SELECT quantity, cost_minor FROM app.lot").fetchall()
    assert (gain, left) == ([(-10, 1000)], [(4, 1600)])
    assert count(made).is_clean


def test_money_paid_in_another_currency_is_the_lots_cost(books: Settings) -> None:
    made = holder(books)
    euros = replace(deposit(0, 10**6), currency="EUR")
    foreign = replace(buy(1, "10", "100"), currency="EUR", fx_rate=Decimal("0.9"), fee_minor=5)
    put(made, [euros, foreign])
    with postgres.connect(books.postgres) as connection:
        lots = connection.execute("SELECT cost_minor, currency FROM app.lot").fetchall()
    assert lots == [(90005, "EUR")]
    assert count(made).is_clean


def test_a_large_import_is_booked_at_once_and_announced_once(books: Settings) -> None:
    symbols = [f"S{number}" for number in range(40)]
    made = holder(books, symbols=symbols)
    rounds = [(number % 40, number // 40) for number in range(BULK)]
    drafts = [
        buy(1 + turn, "3.5", "9.99", symbol=symbols[place], fee_minor=1)
        if turn % 3 < 2
        else sell(1 + turn, "7", "10.01", symbol=symbols[place], fee_minor=1)
        for place, turn in rounds
    ]
    drafts.insert(0, deposit(0, 10**12))
    ids = put(made, drafts)
    with postgres.connect(books.postgres) as connection:
        events = connection.execute("SELECT payload -> 'count' FROM ops.outbox WHERE type = 'transaction.booked'")
        assert events.fetchall() == [(BULK + 1,)]
    assert ids == sorted(ids)
    result = count(made)
    assert result.is_clean
    assert result.transactions == BULK


def test_a_hundred_withdrawals_of_everything_pay_once(books: Settings) -> None:
    made = holder(books)
    put(made, [deposit(0, 777)])

    async def one(gate: asyncio.Semaphore) -> str:
        async with gate:
            try:
                await booked(made, [withdrawal(1, 777)])
            except errors.CheckViolation as refused:
                return str(refused.diag.constraint_name)
        return "paid"

    async def everybody() -> list[str]:
        gate = asyncio.Semaphore(20)
        return await asyncio.gather(*(one(gate) for _ in range(100)))

    outcome = asyncio.run(everybody())
    assert sorted(outcome) == [*["ledger_account_no_overdraft"] * 99, "paid"]
    assert count(made).is_clean


class TestRecount:
    @pytest.mark.parametrize(
        ("check", "tampering"),
        [
            ("position_is_fold", "UPDATE app.position SET quantity = quantity + 1 WHERE symbol = 'AAPL'"),
            ("position_is_fold", "DELETE FROM app.position WHERE symbol = 'AAPL'"),
            ("lots_are_fold", "UPDATE app.lot SET cost_minor = cost_minor + 1 WHERE symbol = 'AAPL'"),
            ("lots_are_fold", "DELETE FROM app.lot WHERE symbol = 'MSFT'"),
            ("closures_are_fold", "UPDATE app.lot_closure SET proceeds_minor = proceeds_minor + 1"),
            ("units_reserved_for_orders", "UPDATE app.position SET reserved_quantity = 1 WHERE symbol = 'AAPL'"),
            ("balance_is_sum_of_entries", "UPDATE ledger.account SET balance_minor = balance_minor + 1"),
            ("cash_reserved", "UPDATE ledger.account SET reserved_minor = 1 WHERE purpose = 'cash'"),
            (
                "transfer_sums_to_zero",
                "ALTER TABLE ledger.entry DISABLE TRIGGER USER; DELETE FROM ledger.entry WHERE line = 2",
            ),
            (
                "cash_is_booked",
                "ALTER TABLE ledger.entry DISABLE TRIGGER USER; DELETE FROM ledger.entry WHERE line = 1",
            ),
        ],
    )
    def test_it_names_what_does_not_agree(self, books: Settings, check: str, tampering: LiteralString) -> None:
        made = holder(books)
        put(made, history())
        assert count(made).is_clean
        with postgres.connect(books.postgres) as connection:
            connection.execute(tampering)
        assert check in {finding.check for finding in count(made).findings}

    def test_the_demo_is_clean_and_the_nightly_job_says_so(
        self, books: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        seed_demo(books)
        monkeypatch.setattr(recount_job, "load", lambda: books)
        arguments = ("--business-date", "2024-03-01", "--run-id", "r")
        assert recount_job.main(arguments) == JobExit.PUBLISHED
        assert capsys.readouterr().out == '{"outputs":{},"run_id":"r"}\n'
        with postgres.connect(books.postgres) as connection:
            connection.execute("UPDATE app.position SET quantity = quantity * 2 WHERE symbol = 'BBY'")
        assert recount_job.main(arguments) == JobExit.DATA
        told = capsys.readouterr()
        assert told.out == ""
        assert "position_is_fold" in told.err


def test_a_reserved_position_is_not_sold(books: Settings) -> None:
    made = holder(books)
    put(made, [deposit(0, 10**6), buy(1, "10", "5")])
    inside(books, lambda connection: connection.execute("UPDATE app.position SET reserved_quantity = 4"))
    for units in ("7", "10"):
        with pytest.raises(errors.CheckViolation) as refused:
            put(made, [sell(2, units, "5")])
        assert refused.value.diag.constraint_name == "position_reserved_covered"
    put(made, [sell(2, "6", "5")])


def test_nobody_opens_anothers_books(books: Settings) -> None:
    made, other = holder(books), holder(books)
    found = [
        inside(books, partial(open_books, portfolio_id=made.portfolio_id, owner_id=owner_id))
        for owner_id in (other.owner_id, made.owner_id)
    ]
    assert [each is not None for each in found] == [False, True]
