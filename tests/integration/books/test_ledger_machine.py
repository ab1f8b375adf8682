"""The ledger as a state machine: random transfers, reservations and reversals in a real PostgreSQL, beside a model."""

import asyncio
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg import errors

from lakehouse.domain.ids import uuid7
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.books import ledger
from lakehouse.stores.books.ledger import Line, Transfer
from lakehouse.stores.postgres import Transaction
from tests.factories.books import CLOCK, at, holder, writing

pytestmark = pytest.mark.integration

CURRENCIES = ("USD", "JPY")
PURPOSES = ("cash", "external", "fees")
OVERDRAFT = "ledger_account_no_overdraft"
RESERVED = "ledger_account_reserved_covered"

amounts = st.integers(-500, 500).filter(bool)
currencies = st.sampled_from(CURRENCIES)


class LedgerMachine(RuleBasedStateMachine):
    """Two holders' accounts in two currencies."""

    books: Settings

    @initialize()
    def start(self) -> None:
        self.holders = [holder(self.books), holder(self.books)]
        self.balances: dict[tuple[UUID, str, str], int] = {}
        self.reserved: dict[tuple[UUID, str], int] = {}
        self.posted: list[tuple[Transfer, dict[tuple[UUID, str, str], int]]] = []

    @rule(place=st.integers(0, 1), purpose=st.sampled_from(PURPOSES[1:]), currency=currencies, amount=amounts)
    def move(self, place: int, purpose: str, currency: str, amount: int) -> None:
        """Between the cash and a counter account of one holder."""
        account_id = self.holders[place].account_id
        self.try_to({(account_id, "cash", currency): amount, (account_id, purpose, currency): -amount})

    @rule(currency=currencies, amount=amounts)
    def pay(self, currency: str, amount: int) -> None:
        """From one holder's cash to the other's."""
        first, second = (made.account_id for made in self.holders)
        self.try_to({(first, "cash", currency): amount, (second, "cash", currency): -amount})

    @rule(currency=currencies, amount=amounts, wrong=st.integers(1, 9))
    def unbalanced(self, currency: str, amount: int, wrong: int) -> None:
        account_id = self.holders[0].account_id
        changes = {(account_id, "external", currency): amount, (account_id, "fees", currency): -amount - wrong}
        changes = {key: change for key, change in changes.items() if change}
        with pytest.raises(errors.CheckViolation) as refused:
            self.post(changes)
        assert refused.value.diag.constraint_name == "transfer_sums_to_zero"

    @rule(place=st.integers(0, 1), currency=currencies, delta=amounts)
    def reserve(self, place: int, currency: str, delta: int) -> None:
        account_id = self.holders[place].account_id
        key, after = (account_id, currency), self.reserved.get((account_id, currency), 0) + delta

        async def work() -> None:
            async with writing(self.books) as connection:
                await ledger.reserve_cash(connection, account_id=account_id, currency=currency, delta_minor=delta)

        if 0 <= after <= self.balances.get((account_id, "cash", currency), 0):
            asyncio.run(work())
            self.reserved[key] = after
        else:
            with pytest.raises(errors.CheckViolation) as refused:
                asyncio.run(work())
            assert refused.value.diag.constraint_name == RESERVED

    @precondition(lambda self: self.posted)
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        transfer, changes = self.posted[data.draw(st.integers(0, len(self.posted) - 1))]

        async def work() -> None:
            async with writing(self.books) as connection:
                await ledger.reverse_transfer(
                    connection, kind=transfer.kind, source_id=transfer.source_id, effective_at=at(1), clock=CLOCK
                )

        opposite = {key: -change for key, change in changes.items()}
        broken = self.broken(opposite)
        if broken:
            with pytest.raises(errors.CheckViolation) as refused:
                asyncio.run(work())
            assert refused.value.diag.constraint_name in broken
            return
        asyncio.run(work())
        self.apply(opposite)
        self.posted.remove((transfer, changes))
        with pytest.raises(errors.UniqueViolation):
            asyncio.run(work())

    @invariant()
    def stored_is_the_model(self) -> None:
        with postgres.connect(self.books.postgres) as connection:
            ids = [made.account_id for made in getattr(self, "holders", [])]
            rows = connection.execute(
                "SELECT account_id, purpose, currency, balance_minor, reserved_minor FROM ledger.account "
                "WHERE account_id = ANY(%s)",
                (ids,),
            ).fetchall()
            total = connection.execute("SELECT currency, sum(amount_minor) FROM ledger.entry GROUP BY 1").fetchall()
        for account_id, purpose, currency, balance, reserved in rows:
            assert balance == self.balances.get((account_id, purpose, currency), 0)
            assert reserved == (self.reserved.get((account_id, currency), 0) if purpose == "cash" else 0)
        assert {key for key, balance in self.balances.items() if balance} <= {row[:3] for row in rows}
        assert all(amount == 0 for _, amount in total)

    def try_to(self, changes: dict[tuple[UUID, str, str], int]) -> None:
        broken = self.broken(changes)
        if broken:
            with pytest.raises(errors.CheckViolation) as refused:
                self.post(changes)
            assert refused.value.diag.constraint_name in broken
            return
        self.posted.append((self.post(changes), changes))
        self.apply(changes)

    def broken(self, changes: dict[tuple[UUID, str, str], int]) -> set[str]:
        """The rules that the change would break."""
        found = set()
        for (account_id, purpose, currency), change in changes.items():
            after = self.balances.get((account_id, purpose, currency), 0) + change
            if purpose == "cash" and after < 0:
                found.add(OVERDRAFT)
            reserved = self.reserved.get((account_id, currency), 0)
            if purpose == "cash" and reserved and after < reserved:
                found.add(RESERVED)
        return found

    def apply(self, changes: dict[tuple[UUID, str, str], int]) -> None:
        for key, change in changes.items():
            self.balances[key] = self.balances.get(key, 0) + change

    def post(self, changes: dict[tuple[UUID, str, str], int]) -> Transfer:
        async def work() -> Transfer:
            async with writing(self.books) as connection:
                transfer = Transfer(
                    id=uuid7(CLOCK),
                    kind="test",
                    source_id=uuid7(CLOCK),
                    effective_at=at(0),
                    lines=[
                        Line(await _account(connection, account_id, purpose, currency), currency, change)
                        for (account_id, purpose, currency), change in changes.items()
                    ],
                )
                await ledger.post(connection, [transfer])
                return transfer

        return asyncio.run(work())


async def _account(connection: Transaction, account_id: UUID, purpose: str, currency: str) -> UUID:
    return await ledger.ledger_account(
        connection, account_id=account_id, purpose=purpose, currency=currency, clock=CLOCK
    )


def test_the_ledger_keeps_its_rules(books: Settings) -> None:
    class Machine(LedgerMachine):
        pass

    Machine.books = books
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
