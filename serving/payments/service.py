"""The rules of payments: judged first, then moved, reserved or stopped; two people for what is unusual."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import DataError, IntegrityError

from lakehouse.clock import Clock
from lakehouse.domain.currency import CurrencyError, minor_digits, to_minor
from lakehouse.domain.iban import is_iban
from lakehouse.domain.ids import uuid7
from lakehouse.stores.books import payments as store
from lakehouse.stores.books.payments import Purse
from lakehouse.stores.postgres import Transaction
from ml.checks.champion import Champion
from ml.checks.fraud import Attempt, Forest, FraudRecommendation, Verdict
from serving.kit import versions
from serving.kit.access import Principal
from serving.kit.constraints import InsufficientFunds, refusal_of
from serving.kit.crud.service import CrudService, NotFound, Row, Skipped
from serving.kit.database import Database
from serving.kit.problems import AmountNotRepresentable, ApiError
from serving.payments.money import Money
from serving.payments.problems import PaymentRefused, PaymentSettled, SecondPersonNeeded
from serving.payments.repository import PAYMENTS, Facts, PaymentRepository, Step
from serving.payments.schemas import InternalReceiver, PaymentIn, PaymentOut, PaymentStatus
from serving.payments.scoring import Scoring

# Before the money moves: what may still be canceled, and whose reference may still change.
OPEN = frozenset({PaymentStatus.PENDING, PaymentStatus.HELD})
Forests = Mapping[tuple[UUID, str], Forest | None]


@dataclass(frozen=True, slots=True)
class _Order:
    """A payment as it was asked for, in the ledger's own units."""

    given: PaymentIn
    amount_minor: int
    to_account_id: UUID | None
    counterparty: str


class PaymentService(CrudService[PaymentIn, PaymentOut]):
    """A user's own payments. What moves money runs inside a transaction of `Idempotency.once`."""

    def __init__(self, database: Database, clock: Clock, champion: Champion) -> None:
        self._payments = PaymentRepository(database, PAYMENTS)
        self._scoring = Scoring(self._payments, champion)
        self.money = Money(self._payments, clock)
        super().__init__(database, self._payments, clock)

    async def forests(self, principal: Principal, items: Sequence[PaymentIn]) -> Forests:
        """What is usual for each paying account; before the transaction, because to train one takes its time."""
        wanted = {(item.from_account_id, item.currency) for item in items}
        return {each: await self._scoring.forest(principal.user_id, *each) for each in sorted(wanted)}

    async def order(
        self, connection: Transaction, principal: Principal, item: PaymentIn, forests: Forests
    ) -> PaymentOut:
        """Judge the payment, then move, reserve or stop its money. Raises ApiError and IntegrityError."""
        order = _order(item)
        purses = await store.open_purses(connection, _accounts_of([order]))
        return await self._make(connection, principal, order, purses, forests)

    async def order_many(
        self,
        connection: Transaction,
        principal: Principal,
        items: Sequence[PaymentIn],
        forests: Forests,
        *,
        atomic: bool,
    ) -> list[PaymentOut | ApiError]:
        """The same for each item, in order, or its refusal; where `atomic` and one is refused, the others are Skipped
        and nothing may be committed."""
        orders = [_tried(item) for item in items]
        purses = await store.open_purses(connection, _accounts_of(orders))
        outcomes = [await self._try(connection, principal, order, purses, forests) for order in orders]
        if atomic and any(isinstance(each, ApiError) for each in outcomes):
            return [each if isinstance(each, ApiError) else Skipped() for each in outcomes]
        return outcomes

    async def approve(self, connection: Transaction, principal: Principal, payment_id: UUID, reason: str) -> PaymentOut:
        """Let a held payment go. Raises ApiError and IntegrityError."""
        payment = await self._held(connection, principal, payment_id)
        purses = await store.open_purses(connection, _accounts_of([payment]))
        await self.money.release(connection, payment)
        await self.money.pay(connection, payment, purses, reviewer=principal.user_id)
        shown = await self._payments.shown(connection, payment_id)
        event = "payment.settled" if shown.status is PaymentStatus.SETTLED else "payment.authorised"
        await self.money.tell(connection, principal, payment, shown.status, event=event, reason=reason)
        return shown

    async def reject(self, connection: Transaction, principal: Principal, payment_id: UUID, reason: str) -> PaymentOut:
        """Refuse a held payment and give its money back. Raises ApiError."""
        payment = await self._held(connection, principal, payment_id)
        await self.money.release(connection, payment)
        step = Step(
            status=PaymentStatus.FAILED, at=self.clock.now(), reason=f"rejected: {reason}", reviewer=principal.user_id
        )
        await self._payments.advance(connection, payment_id, step)
        await self.money.tell(
            connection, principal, payment, PaymentStatus.FAILED, event="payment.rejected", reason=reason
        )
        return await self._payments.shown(connection, payment_id)

    async def change(self, connection: Transaction, principal: Principal, current: PaymentOut, changes: Row) -> Row:
        """The note at any time; the reference while no money has moved."""
        if "reference" in changes and changes["reference"] != current.reference and current.status not in OPEN:
            raise PaymentSettled(f"The payment is {current.status}: its reference is what the receiver has read.")
        return changes

    async def delete(self, principal: Principal, row_id: UUID, if_match: str | None) -> None:
        """Cancel: a held payment gives its money back; any later one stays what it is. Raises ApiError."""
        async with self.database.transaction() as connection:
            payment = await self._payments.facts(connection, row_id)
            if payment is None or payment.owner_id != principal.user_id:
                raise self.missing(row_id)
            versions.check(if_match, payment.version)
            if payment.status not in OPEN:
                raise PaymentSettled(f"The payment is {payment.status}: only one that is held for review is canceled.")
            await self.money.release(connection, payment)
            step = Step(status=PaymentStatus.CANCELED, at=self.clock.now(), reason="canceled by its payer")
            await self._payments.advance(connection, row_id, step)
            await self.money.tell(connection, principal, payment, PaymentStatus.CANCELED, event="payment.canceled")

    # --- inside ----------------------------------------------------------------------------------------------

    async def _try(
        self,
        connection: Transaction,
        principal: Principal,
        order: "_Order | ApiError",
        purses: Mapping[UUID, Purse],
        forests: Forests,
    ) -> PaymentOut | ApiError:
        if isinstance(order, ApiError):
            return order
        try:
            async with connection.transaction():
                return await self._make(connection, principal, order, purses, forests)
        except (DataError, IntegrityError) as error:
            return refusal_of(error)
        except ApiError as error:
            return error

    async def _make(
        self,
        connection: Transaction,
        principal: Principal,
        order: _Order,
        purses: Mapping[UUID, Purse],
        forests: Forests,
    ) -> PaymentOut:
        _check_accounts(principal, order, purses)
        verdict = await self._judge(connection, order, forests)
        payment = await self._write(connection, principal, order, verdict)
        event = await self._act(connection, payment, purses, verdict)
        shown = await self._payments.shown(connection, payment.id)
        await self.money.tell(connection, principal, payment, shown.status, event=event)
        return shown

    async def _judge(self, connection: Transaction, order: _Order, forests: Forests) -> Verdict:
        given = order.given
        free = await store.spendable(connection, given.from_account_id, given.currency)
        if order.amount_minor > free:
            raise InsufficientFunds("The account does not hold that much unreserved cash: deposit, or pay less.")
        attempt = Attempt(
            amount_minor=order.amount_minor,
            counterparty=order.counterparty,
            at=self.clock.now(),
            balance_minor=free,
            unit_minor=10 ** minor_digits(given.currency),
        )
        past = await self._payments.past_in(connection, given.from_account_id, given.currency)
        return await self._scoring.judge(attempt, past, forests.get((given.from_account_id, given.currency)))

    async def _write(self, connection: Transaction, principal: Principal, order: _Order, verdict: Verdict) -> Facts:
        given = order.given
        payment = Facts(
            id=uuid7(self.clock),
            owner_id=principal.user_id,
            from_account_id=given.from_account_id,
            to_account_id=order.to_account_id,
            amount_minor=order.amount_minor,
            currency=given.currency,
            reference=given.reference,
            status=PaymentStatus.PENDING,
            version=1,
        )
        outside = None if isinstance(given.to, InternalReceiver) else given.to
        row = {
            "id": payment.id,
            "owner_id": payment.owner_id,
            "from_account_id": payment.from_account_id,
            "to_account_id": payment.to_account_id,
            "counterparty_name": None if outside is None else outside.name,
            "counterparty_iban": None if outside is None else outside.iban,
            "amount_minor": payment.amount_minor,
            "currency": payment.currency,
            "reference": given.reference,
            "note": given.note,
            "fraud_score": verdict.score,
            "fraud_recommendation": verdict.recommendation.value,
            "fraud_model": verdict.model.value,
            "now": self.clock.now(),
        }
        reasons = [{"rule": each.rule, "points": each.points, "detail": each.detail} for each in verdict.reasons]
        await self._payments.add(connection, row, reasons)
        return payment

    async def _act(
        self, connection: Transaction, payment: Facts, purses: Mapping[UUID, Purse], verdict: Verdict
    ) -> str:
        """Do what the verdict recommends; the name of the event that tells of it."""
        if verdict.recommendation is FraudRecommendation.ALLOW:
            await self.money.pay(connection, payment, purses)
            return "payment.settled" if payment.to_account_id is not None else "payment.authorised"
        if verdict.recommendation is FraudRecommendation.REVIEW:
            await self.money.reserve(connection, payment)
            step = Step(status=PaymentStatus.HELD, at=self.clock.now(), reason="the fraud check asks for a review")
            await self._payments.advance(connection, payment.id, step)
            return "payment.held"
        step = Step(status=PaymentStatus.BLOCKED, at=self.clock.now(), reason="stopped by the fraud check")
        await self._payments.advance(connection, payment.id, step)
        return "payment.blocked"

    async def _held(self, connection: Transaction, principal: Principal, payment_id: UUID) -> Facts:
        payment = await self._payments.facts(connection, payment_id)
        if payment is None:
            raise self.missing(payment_id)
        if payment.owner_id == principal.user_id:
            raise SecondPersonNeeded("You have ordered this payment: another admin has to decide about it.")
        if payment.status != PaymentStatus.HELD:
            raise PaymentSettled(f"The payment is {payment.status}: only one that is held for review is decided.")
        return payment


def _order(item: PaymentIn) -> _Order:
    """Raises ApiError for what is wrong whatever the accounts hold."""
    try:
        minor = to_minor(item.amount, item.currency)
    except CurrencyError as error:
        raise AmountNotRepresentable(f"{error}.") from error
    if isinstance(item.to, InternalReceiver):
        if item.to.account_id == item.from_account_id:
            raise PaymentRefused("An account cannot pay itself.")
        return _Order(item, minor, item.to.account_id, str(item.to.account_id))
    if not is_iban(item.to.iban):
        raise PaymentRefused("The IBAN's check digits are wrong: ask the receiver for it again.")
    return _Order(item, minor, None, item.to.iban)


def _tried(item: PaymentIn) -> _Order | ApiError:
    try:
        return _order(item)
    except ApiError as error:
        return error


def _accounts_of(orders: Sequence["_Order | Facts | ApiError"]) -> set[UUID]:
    found: set[UUID] = set()
    for order in orders:
        if isinstance(order, ApiError):
            continue
        found.add(order.given.from_account_id if isinstance(order, _Order) else order.from_account_id)
        if order.to_account_id is not None:
            found.add(order.to_account_id)
    return found


def _check_accounts(principal: Principal, order: _Order, purses: Mapping[UUID, Purse]) -> None:
    paying = purses.get(order.given.from_account_id)
    if paying is None or paying.owner_id != principal.user_id:
        raise NotFound(f"There is no account {order.given.from_account_id} of yours; GET /api/v1/accounts lists them.")
    if order.to_account_id is not None and order.to_account_id not in purses:
        raise NotFound(f"There is no account {order.to_account_id} to pay: ask the receiver for its id.")
