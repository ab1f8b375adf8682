"""What moves the money of payments: reservations, both sides of a transfer, and what is written beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.domain.currency import from_minor
from lakehouse.domain.ids import uuid7
from lakehouse.domain.weekdays import next_weekday
from lakehouse.stores.books import ledger, payments as store
from lakehouse.stores.books.booking import BookingRefused
from lakehouse.stores.books.outbox import Event, emit
from lakehouse.stores.books.payments import Move, Purse
from lakehouse.stores.postgres import Transaction
from serving.audit import log as audit
from serving.kit.access import Principal
from serving.payments.problems import PaymentRefused
from serving.payments.repository import Facts, PaymentRepository, Step
from serving.payments.schemas import PaymentStatus

TOPIC: Final = "portfolio.events"
BACK: Final = "back"


@dataclass(frozen=True, slots=True)
class Money:
    """Moves of payments. Every method belongs into the caller's transaction."""

    repository: PaymentRepository
    clock: Clock

    async def reserve(self, connection: Transaction, payment: Facts) -> None:
        """Set the money aside. Raises IntegrityError (ledger_account_reserved_covered)."""
        await self._reserve(connection, payment, payment.amount_minor)

    async def release(self, connection: Transaction, payment: Facts) -> None:
        """Give back what `reserve` has set aside."""
        await self._reserve(connection, payment, -payment.amount_minor)

    async def pay(
        self, connection: Transaction, payment: Facts, purses: Mapping[UUID, Purse], reviewer: UUID | None = None
    ) -> None:
        """Move the money and the payment: to `settled` inside the platform, to `authorised` on its way outside.

        Raises PaymentRefused and IntegrityError (ledger_account_no_overdraft and others).
        """
        await self._move(connection, payment, purses[payment.from_account_id], "out", -payment.amount_minor)
        if payment.to_account_id is not None:
            await self._move(connection, payment, purses[payment.to_account_id], "in", payment.amount_minor)
        is_internal = payment.to_account_id is not None
        status = PaymentStatus.SETTLED if is_internal else PaymentStatus.AUTHORISED
        now = self.clock.now()
        step = Step(status=status, at=now, reviewer=reviewer)
        await self.repository.advance(connection, payment.id, step)
        if not is_internal:
            day = next_weekday(now.date())
            await self.repository.send(connection, payment.id, uuid7(self.clock), day, now)

    async def give_back(self, connection: Transaction, payment: Facts) -> None:
        """Book the money of a payment that failed outside, or came back, into the account that paid."""
        purses = await store.open_purses(connection, [payment.from_account_id])
        await self._move(connection, payment, purses[payment.from_account_id], BACK, payment.amount_minor)

    async def tell(
        self,
        connection: Transaction,
        principal: Principal,
        payment: Facts,
        status: str,
        *,
        event: str,
        reason: str = "",
    ) -> None:
        """Write the event and the audit row of what was done; the last act of a transaction.

        A payment that was just made has `payment.created` before the event of what became of it.
        """
        told = _told(payment, status)
        names = ("payment.created", event) if payment.status == PaymentStatus.PENDING else (event,)
        await emit(connection, *(self._event(payment, name, told) for name in names))
        await audit.record(
            connection,
            principal,
            event,
            clock=self.clock,
            object_kind="payment",
            object_id=payment.id,
            before={"status": payment.status},
            after={**told, "reason": reason},
        )

    def _event(self, payment: Facts, name: str, told: dict[str, object]) -> Event:
        return Event(
            event_id=uuid7(self.clock),
            topic=TOPIC,
            key=str(payment.from_account_id),
            type=name,
            owner_id=payment.owner_id,
            payload=told,
            occurred_at=self.clock.now(),
        )

    async def _reserve(self, connection: Transaction, payment: Facts, delta: int) -> None:
        await ledger.reserve_cash(
            connection, account_id=payment.from_account_id, currency=payment.currency, delta_minor=delta
        )

    async def _move(self, connection: Transaction, payment: Facts, purse: Purse, label: str, amount: int) -> None:
        one = Move(
            payment_id=payment.id,
            label=label,
            currency=payment.currency,
            amount_minor=amount,
            note=payment.reference,
            to_closed=label == BACK,
        )
        try:
            await store.move(connection, purse, one, clock=self.clock)
        except BookingRefused as refused:
            raise PaymentRefused(f"{refused.detail} ({refused.rule})") from refused


def _told(payment: Facts, status: str) -> dict[str, object]:
    return {
        "payment_id": str(payment.id),
        "from_account_id": str(payment.from_account_id),
        "to_account_id": None if payment.to_account_id is None else str(payment.to_account_id),
        "amount": f"{from_minor(payment.amount_minor, payment.currency):f}",
        "currency": payment.currency,
        "status": status,
    }
