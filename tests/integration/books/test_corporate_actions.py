"""Corporate actions in real books: all holders, once, and back; the books stay the fold of their transactions."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import pytest
from typer.testing import CliRunner

from lakehouse.cli import actions as command
from lakehouse.cli.main import app
from lakehouse.domain.ids import uuid7
from lakehouse.quality.actions import Action, ActionKind
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.books.actions import ActionConflict, Applied, apply, listed, undo
from lakehouse.stores.postgres import Transaction
from tests.factories.books import CLOCK, START, Holder, buy, count, deposit, holder, inside, put, sell

pytestmark = pytest.mark.integration

EX_DATE = START.date() + timedelta(days=10)
Result = TypeVar("Result")


def as_owner(settings: Settings, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
    """What `work` returns, done as the operator who runs `tidemark actions`."""

    async def main() -> Result:
        async with (
            await psycopg.AsyncConnection.connect(postgres.conninfo_of(settings.postgres)) as connection,
            connection.transaction(),
        ):
            return await work(connection)

    return asyncio.run(main())


def done(settings: Settings, kind: str = "split", symbol: str = "AAPL", **terms: Any) -> Applied:
    terms = terms or {"ratio": Decimal(4)}
    action = Action(symbol=symbol, kind=ActionKind(kind), ex_date=EX_DATE, **terms)
    return as_owner(settings, lambda connection: apply(connection, action, source="test", clock=CLOCK))


def undone(settings: Settings, action_id: UUID) -> Applied:
    return as_owner(settings, lambda connection: undo(connection, action_id, clock=CLOCK))


def held(made: Holder) -> dict[str, tuple[Decimal, int]]:
    """Units and cost of each symbol."""
    with postgres.connect(made.settings.postgres) as connection:
        rows = connection.execute(
            "SELECT symbol, sum(quantity), sum(cost_minor)::bigint FROM app.lot WHERE portfolio_id = %s GROUP BY 1",
            (made.portfolio_id,),
        ).fetchall()
    return {symbol: (quantity.normalize(), cost) for symbol, quantity, cost in rows}


def cash(made: Holder) -> int:
    with postgres.connect(made.settings.postgres) as connection:
        row = connection.execute(
            "SELECT balance_minor FROM ledger.account WHERE account_id = %s AND purpose = 'cash'", (made.account_id,)
        ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def pair(books: Settings) -> tuple[Holder, Holder]:
    """Two holders: one bought before the ex-date, one sold out before it and bought again after."""
    first, second = (holder(books, symbols=("AAPL", "MSFT", "SPUN")) for _ in range(2))
    put(first, [deposit(0, 10_000_00), buy(1, "10", "100"), buy(12, "4", "30")])
    put(second, [deposit(0, 10_000_00), buy(1, "5", "100"), sell(3, "5", "110"), buy(12, "8", "30")])
    return first, second


def test_a_split_is_booked_to_those_who_held_it_then_and_once(books: Settings, pair: tuple[Holder, Holder]) -> None:
    first, second = pair
    before = held(first), held(second)
    applied = done(books)
    assert applied.portfolios == (first.portfolio_id,)
    assert held(first) == {"AAPL": (Decimal(44), before[0]["AAPL"][1])}
    assert held(second) == before[1]
    again = done(books)
    assert (again.recorded.id, again.portfolios) == (applied.recorded.id, ())
    assert all(count(made).is_clean for made in pair)

    assert undone(books, applied.recorded.id).portfolios == (first.portfolio_id,)
    assert (held(first), held(second)) == before
    assert undone(books, applied.recorded.id).portfolios == ()
    assert all(count(made).is_clean for made in pair)

    # The record keeps both; what was reversed can be applied again, as another action.
    assert done(books).recorded.id != applied.recorded.id
    kept = as_owner(books, lambda connection: listed(connection, "AAPL", with_reversed=True))
    assert [each.reversed_at is None for each in kept] == [False, True]
    assert len(as_owner(books, listed)) == 1


def test_a_spin_off_hands_out_units_with_their_cost(books: Settings, pair: tuple[Holder, Holder]) -> None:
    first, _ = pair
    before = held(first)
    terms: dict[str, Any] = {"ratio": Decimal("0.5"), "related_symbol": "SPUN", "cost_share": Decimal("0.25")}
    applied = done(books, "spin_off", **terms)
    assert held(first) == {"AAPL": (Decimal(14), 750_00 + 120_00), "SPUN": (Decimal(5), 250_00)}
    undone(books, applied.recorded.id)
    assert held(first) == before


def test_a_dividend_is_paid_on_the_units_of_that_day(books: Settings, pair: tuple[Holder, Holder]) -> None:
    first, second = pair
    before = cash(first), cash(second)
    applied = done(books, "dividend", amount=Decimal("0.825"), currency="USD")
    assert (cash(first), cash(second)) == (before[0] + 825, before[1])
    undone(books, applied.recorded.id)
    assert (cash(first), cash(second)) == before
    assert count(first).is_clean


def test_a_backdated_purchase_is_booked_when_the_action_is_applied_again(
    books: Settings, pair: tuple[Holder, Holder]
) -> None:
    _, second = pair
    done(books)
    put(second, [buy(5, "1", "100")])
    assert done(books).portfolios == (second.portfolio_id,)
    assert held(second)["AAPL"][0] == 12


def test_what_a_later_sale_needs_is_not_taken_away(books: Settings, pair: tuple[Holder, Holder]) -> None:
    first, _ = pair
    applied = done(books)
    put(first, [sell(14, "40", "30")])
    with pytest.raises(ActionConflict, match="needs it"):
        undone(books, applied.recorded.id)
    assert as_owner(books, listed)[0].reversed_at is None


def test_another_ratio_and_unknown_names_are_refused(books: Settings, pair: tuple[Holder, Holder]) -> None:
    applied = done(books)
    with pytest.raises(ActionConflict, match="is another split of AAPL"):
        done(books, ratio=Decimal(2))
    with pytest.raises(ActionConflict, match="no instrument NONE"):
        done(books, symbol="NONE")
    with pytest.raises(ActionConflict, match="no corporate action"):
        undone(books, uuid7(CLOCK))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        inside(books, lambda connection: undo(connection, applied.recorded.id, clock=CLOCK))


def test_the_command_applies_lists_and_reverses(
    books: Settings, pair: tuple[Holder, Holder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "load", lambda: books)
    made = CliRunner().invoke(app, ["actions", "apply", "AAPL", "split", EX_DATE.isoformat(), "4"])
    assert made.exit_code == 0, made.output
    assert "booked to 1 portfolios" in made.output
    (kept,) = as_owner(books, listed)
    assert (kept.ex_date, kept.ratio) == (date(2020, 1, 12), Decimal(4))
    assert str(kept.id) in CliRunner().invoke(app, ["actions", "list"]).output
    undo_it = CliRunner().invoke(app, ["actions", "reverse", str(kept.id)])
    assert "reversed in 1 portfolios" in undo_it.output
    assert str(kept.id) not in CliRunner().invoke(app, ["actions", "list"]).output
    assert "reversed" in CliRunner().invoke(app, ["actions", "list", "--all"]).output


@pytest.mark.parametrize(
    ("kind", "terms"), [("split", "x"), ("split", "2:1"), ("spin_off", "1:ABC"), ("dividend", "1"), ("dividend", "")]
)
def test_terms_that_cannot_be_read_are_refused(kind: str, terms: str) -> None:
    with pytest.raises(command.BadTerms):
        command.parse("AAPL", ActionKind(kind), EX_DATE, terms)


def test_terms_of_every_kind_are_read() -> None:
    spun = command.parse("A", ActionKind.SPIN_OFF, EX_DATE, "0.5:ABC:0.25")
    assert (spun.ratio, spun.related_symbol, spun.cost_share) == (Decimal("0.5"), "ABC", Decimal("0.25"))
    paid = command.parse("A", ActionKind.DIVIDEND, EX_DATE, "0.82:USD")
    assert (paid.amount, paid.currency) == (Decimal("0.82"), "USD")
