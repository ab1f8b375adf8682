"""Lots as a state machine: bookings in any order of time, reversals and changes of method, in a real PostgreSQL.

The model knows quantities alone; that the stored lots, closures, positions and cash are the fold of what was booked is
what the recount proves after every step.
"""

import asyncio
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test as run,
)
from psycopg import sql

from lakehouse.portfolio.lots import LotMethod
from lakehouse.portfolio.transactions import Draft, Kind
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.books.booking import BookingRefused, refold_all
from tests.factories.books import CLOCK, at, count, deposit, holder, opened, put, trade, undo, writing

pytestmark = pytest.mark.integration

SYMBOLS = ("AAPL", "MSFT")
PLENTY_MINOR = 10**12
METHODS = st.sampled_from([method for method in LotMethod if method is not LotMethod.SPECIFIC])


class LotsMachine(RuleBasedStateMachine):
    """One portfolio that may not sell short."""

    books: Settings

    @initialize(method=METHODS)
    def start(self, method: LotMethod) -> None:
        self.made = holder(self.books, method=method.value, symbols=SYMBOLS)
        self.facts: dict[UUID, Draft] = {}
        put(self.made, [deposit(0, PLENTY_MINOR)])

    @rule(
        kind=st.sampled_from([Kind.BUY, Kind.SELL, Kind.TRANSFER_IN, Kind.TRANSFER_OUT]),
        day=st.integers(1, 9),
        symbol=st.sampled_from(SYMBOLS),
        units=st.integers(1, 5),
        price=st.integers(1, 400),
    )
    def trade(self, kind: Kind, day: int, symbol: str, units: int, price: int) -> None:
        self.book(trade(kind, day, str(Decimal(units) / 4), f"{price}.37", symbol=symbol))

    @rule(day=st.integers(1, 9), symbol=st.sampled_from(SYMBOLS), ratio=st.sampled_from(["2", "3", "0.5"]))
    def split(self, day: int, symbol: str, ratio: str) -> None:
        kind = Kind.SPLIT if Decimal(ratio) > 1 else Kind.REVERSE_SPLIT
        self.book(Draft(kind=kind, occurred_at=at(day), currency="USD", symbol=symbol, ratio=Decimal(ratio)))

    @precondition(lambda self: self.facts)
    @rule(data=st.data())
    def reverse_one(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(sorted(self.facts)))
        without = {key: draft for key, draft in self.facts.items() if key != chosen}
        if not _fits(without):
            with pytest.raises(BookingRefused):
                undo(self.made, chosen)
            return
        undo(self.made, chosen)
        self.facts = without

    @rule(method=METHODS)
    def change_method(self, method: LotMethod) -> None:
        asyncio.run(self.refold(method))

    @invariant()
    def the_stored_lots_are_the_fold(self) -> None:
        if not hasattr(self, "made"):
            return
        assert count(self.made).findings == ()
        with postgres.connect(self.books.postgres) as connection:
            stored: dict[str, Decimal] = dict(
                connection.execute(
                    "SELECT symbol, quantity FROM app.position WHERE portfolio_id = %s", (self.made.portfolio_id,)
                ).fetchall()
            )
        held = {symbol: _held(self.facts, symbol) for symbol in SYMBOLS}
        assert stored == {symbol: units for symbol, units in held.items() if units}

    def book(self, draft: Draft) -> None:
        new = UUID(int=2**128 - 1)  # of one instant it comes last, as it is booked last
        if not _fits({**self.facts, new: draft}):
            with pytest.raises(BookingRefused):
                put(self.made, [draft])
            return
        self.facts[put(self.made, [draft])[0]] = draft

    async def refold(self, method: LotMethod) -> None:
        async with writing(self.books) as connection:
            statement = sql.SQL("UPDATE app.account SET lot_method = %s WHERE id = %s")
            await connection.execute(statement, (method.value, self.made.account_id))
            await refold_all(connection, await opened(connection, self.made), clock=CLOCK)


def _steps(facts: dict[UUID, Draft], symbol: str) -> list[Decimal]:
    """Units held after each fact, in the order of time."""
    order: list[tuple[datetime, UUID]] = sorted((draft.occurred_at, key) for key, draft in facts.items())
    held, steps = Decimal(0), []
    for _, key in order:
        draft = facts[key]
        if draft.symbol != symbol:
            continue
        if draft.ratio is not None:
            held *= draft.ratio
        else:
            sign = 1 if draft.kind in (Kind.BUY, Kind.TRANSFER_IN) else -1
            held += sign * (draft.quantity or Decimal(0))
        steps.append(held)
    return steps


def _fits(facts: dict[UUID, Draft]) -> bool:
    """Whether nothing is sold that is not held."""
    return all(units >= 0 for symbol in SYMBOLS for units in _steps(facts, symbol))


def _held(facts: dict[UUID, Draft], symbol: str) -> Decimal:
    return (_steps(facts, symbol) or [Decimal(0)])[-1]


def test_lots_are_the_fold_whatever_is_booked_and_undone(books: Settings) -> None:
    LotsMachine.books = books
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run(
        LotsMachine,
        settings=settings(max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=checks),
    )
