"""The rules of settlements: an admin reports how a payment ended outside, and its money comes back where it failed; a
trade settles by itself, once the day of its market is over."""

from uuid import UUID

import structlog
from pydantic import BaseModel

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.stores.postgres import Transaction
from serving.kit.access import Principal
from serving.kit.crud.service import CrudService
from serving.kit.database import Database
from serving.kit.lifecycle import Lifecycle
from serving.kit.problems import ApiError
from serving.payments.money import Money
from serving.payments.problems import SecondPersonNeeded
from serving.payments.repository import PAYMENTS, PaymentRepository, Step
from serving.settlements.repository import SETTLEMENTS, SettlementFacts, SettlementRepository
from serving.settlements.schemas import SettlementOut, SettlementStatus

# What an end is possible from; the payment goes to the same status as its settlement.
FROM = {
    SettlementStatus.SETTLED: SettlementStatus.PENDING,
    SettlementStatus.FAILED: SettlementStatus.PENDING,
    SettlementStatus.RETURNED: SettlementStatus.SETTLED,
}


AT_ONCE = 500
EVERY_S = 60.0

log = structlog.get_logger(__name__)


class SettlementOver(ApiError):
    """The settlement has ended, or has not begun: this move is not possible from where it is."""

    status = 409
    code = "settlement_not_open"
    title = "The settlement cannot go there"


class SettlementService(CrudService[BaseModel, SettlementOut]):
    """Settlements of a user's payments and trades, which make them; admins end those of payments."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._settlements = SettlementRepository(database, SETTLEMENTS)
        self._payments = PaymentRepository(database, PAYMENTS)
        self._money = Money(self._payments, clock)
        super().__init__(database, self._settlements, clock)

    async def end(
        self, connection: Transaction, principal: Principal, settlement_id: UUID, status: SettlementStatus, reason: str
    ) -> SettlementOut:
        """Move the settlement and its payment to `status`; what failed or came back is booked to the payer again.

        Raises ApiError and IntegrityError.
        """
        settlement = await self._checked(connection, principal, settlement_id, status)
        if settlement.payment_id is None:
            raise SettlementOver("It is of a trade: it settles by itself, once its day is over.")
        payment = await self._payments.facts(connection, settlement.payment_id)
        if payment is None:
            raise self.missing(settlement_id)
        if status is not SettlementStatus.SETTLED:
            await self._money.give_back(connection, payment)
        now = self.clock.now()
        await self._settlements.advance(connection, settlement_id, status=status, reason=reason, at=now)
        await self._payments.advance(connection, payment.id, Step(status=status, at=now, reason=reason))
        await self._money.tell(connection, principal, payment, status, event=f"payment.{status}", reason=reason)
        return (await self._settlements.read_back(connection, [settlement_id]))[0]

    async def settle_trades(self) -> int:
        """Settle every trade whose day is over, AT_ONCE in a transaction; how many. Raises PostgresUnavailable."""
        total, settled = 0, AT_ONCE
        while settled == AT_ONCE:
            async with self.database.transaction() as connection:
                settled = await self._settlements.settle_trades(connection, now=self.clock.now(), limit=AT_ONCE)
            total += settled
        return total

    async def settle_forever(self, lifecycle: Lifecycle) -> None:
        """Settle trades until the API ends. PostgreSQL gone is logged, and tried again."""
        while not lifecycle.is_draining:
            try:
                await self.settle_trades()
            except TidemarkError as error:
                log.warning("trades could not be settled", error=str(error))
            await lifecycle.pause(EVERY_S)

    async def _checked(
        self, connection: Transaction, principal: Principal, settlement_id: UUID, status: SettlementStatus
    ) -> SettlementFacts:
        found = await self._settlements.facts(connection, settlement_id)
        if found is None:
            raise self.missing(settlement_id)
        if found.owner_id == principal.user_id:
            raise SecondPersonNeeded("It is your own payment: another admin has to say how it ended.")
        if found.status != FROM[status]:
            raise SettlementOver(f"It is {found.status}: only what is {FROM[status]} can become {status}.")
        return found
