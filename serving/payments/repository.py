"""The table of payments: what the API shows of it, the account's past, and the moves of a payment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from lakehouse.contracts.tables.payments import PAYMENT
from lakehouse.stores import postgres
from lakehouse.stores.postgres import Transaction
from ml.checks.fraud import FOREST_STEP, FOREST_WINDOW, Paid
from serving.kit.crud.collection import Collection
from serving.kit.crud.repository import CrudRepository
from serving.payments.schemas import PaymentOut

RECEIVER: Final[LiteralString] = """
    CASE WHEN t.to_account_id IS NULL
    THEN jsonb_build_object('name', t.counterparty_name, 'iban', t.counterparty_iban)
    ELSE jsonb_build_object('account_id', t.to_account_id) END
"""
AMOUNT: Final[LiteralString] = """
    (SELECT round(t.amount_minor / (10::numeric ^ c.minor_digits), c.minor_digits)::text
     FROM ledger.currency AS c WHERE c.code = t.currency)
"""
WORTH: Final[LiteralString] = """
    (t.amount_minor / (SELECT 10::numeric ^ c.minor_digits FROM ledger.currency AS c WHERE c.code = t.currency))
"""
RANGES: Final[dict[str, LiteralString]] = {
    "amount_from": WORTH + " >= %(amount_from)s",
    "amount_to": WORTH + " <= %(amount_to)s",
    "created_from": "t.created_at >= %(created_from)s::date::timestamp AT TIME ZONE 'UTC'",
    "created_to": "t.created_at < (%(created_to)s::date + 1)::timestamp AT TIME ZONE 'UTC'",
}
PAYMENTS = Collection(
    PAYMENT,
    PaymentOut,
    noun="payment",
    extra={
        "to": RECEIVER,
        "amount": AMOUNT,
        "settlement_id": "(SELECT s.id FROM app.settlement AS s WHERE s.payment_id = t.id)",
    },
    predicates=RANGES,
    numbers={"amount": WORTH},
)

# Newest first, because only these are read; `total` says how many there are in all.
PAST: Final[LiteralString] = """
    SELECT p.amount_minor, coalesce(p.to_account_id::text, p.counterparty_iban) AS counterparty, p.created_at AS at
    FROM app.payment AS p
    WHERE p.from_account_id = %(account_id)s AND p.currency = %(currency)s
      AND p.status IN ('settled', 'authorised', 'held_for_review', 'returned')
      AND (%(owner)s::uuid IS NULL OR p.owner_id = %(owner)s)
    ORDER BY p.created_at DESC, p.id DESC LIMIT %(limit)s
"""
TOTAL: Final[LiteralString] = """
    SELECT count(*) AS total FROM app.payment AS p
    WHERE p.from_account_id = %(account_id)s AND p.currency = %(currency)s
      AND p.status IN ('settled', 'authorised', 'held_for_review', 'returned')
      AND (%(owner)s::uuid IS NULL OR p.owner_id = %(owner)s)
"""
INSERT: Final[LiteralString] = """
    INSERT INTO app.payment (id, owner_id, from_account_id, to_account_id, counterparty_name, counterparty_iban,
        amount_minor, currency, reference, note, fraud_score, fraud_recommendation, fraud_reasons, fraud_model,
        created_at, updated_at)
    VALUES (%(id)s, %(owner_id)s, %(from_account_id)s, %(to_account_id)s, %(counterparty_name)s, %(counterparty_iban)s,
        %(amount_minor)s, %(currency)s, %(reference)s, %(note)s, %(fraud_score)s, %(fraud_recommendation)s,
        %(fraud_reasons)s, %(fraud_model)s, %(now)s, %(now)s)
"""
ADVANCE: Final[LiteralString] = """
    UPDATE app.payment SET status = %(status)s, status_reason = %(reason)s, updated_at = %(now)s, version = version + 1,
        settled_at = CASE WHEN %(status)s = 'settled' THEN %(now)s ELSE settled_at END,
        reviewed_by = coalesce(%(reviewer)s, reviewed_by),
        reviewed_at = CASE WHEN %(reviewer)s::uuid IS NULL THEN reviewed_at ELSE %(now)s END
    WHERE id = %(id)s
"""
SEND: Final[LiteralString] = """
    INSERT INTO app.settlement (id, owner_id, payment_id, amount_minor, currency, settles_on, created_at, updated_at)
    SELECT %(id)s, p.owner_id, p.id, p.amount_minor, p.currency, %(settles_on)s, %(now)s, %(now)s
    FROM app.payment AS p WHERE p.id = %(payment_id)s
"""
FACTS: Final[LiteralString] = """
    SELECT p.id, p.owner_id, p.from_account_id, p.to_account_id, p.amount_minor, p.currency, p.reference, p.status,
           p.version
    FROM app.payment AS p WHERE p.id = %(id)s FOR NO KEY UPDATE
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What moving a payment on needs to know of it; its row is locked."""

    id: UUID
    owner_id: UUID
    from_account_id: UUID
    to_account_id: UUID | None
    amount_minor: int
    currency: str
    reference: str
    status: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A move of a payment to another status."""

    status: str
    at: datetime
    reason: str = ""
    reviewer: UUID | None = None


@dataclass(frozen=True, slots=True)
class _Total:
    total: int


class PaymentRepository(CrudRepository[PaymentOut]):
    """Payments. Every method raises PostgresUnavailable."""

    async def total(self, owner_id: UUID, account_id: UUID, currency: str) -> int:
        """How many payments the owner's account has made in a currency."""
        found = await self._database.find(TOTAL, {"owner": owner_id, **_past_of(account_id, currency)}, _Total)
        return found.total if found else 0

    async def past(self, owner_id: UUID, account_id: UUID, currency: str) -> list[Paid]:
        """The last of them, oldest first: as many as a forest may need."""
        names = {"owner": owner_id, **_past_of(account_id, currency)}
        return (await self._database.fetch(PAST, names, Paid))[::-1]

    async def past_in(self, connection: Transaction, account_id: UUID, currency: str) -> list[Paid]:
        """The same as the transaction sees it, whoever owns the account."""
        names = {"owner": None, **_past_of(account_id, currency)}
        return (await postgres.rows_of(connection, PAST, names, Paid))[::-1]

    async def add(self, connection: Transaction, row: Mapping[str, object], reasons: Sequence[object]) -> None:
        """Write a pending payment. Constraints raise psycopg.IntegrityError."""
        await connection.execute(INSERT, {**row, "fraud_reasons": Jsonb(list(reasons))})

    async def advance(self, connection: Transaction, payment_id: UUID, step: Step) -> None:
        """Move a payment on. The database refuses an illegal move (payment_move_legal)."""
        names = {"id": payment_id, "status": step.status, "reason": step.reason, "now": step.at}
        await connection.execute(ADVANCE, {**names, "reviewer": step.reviewer})

    async def send(
        self, connection: Transaction, payment_id: UUID, settlement_id: UUID, settles_on: date, now: datetime
    ) -> None:
        """Write the settlement of a payment that leaves the platform."""
        names = {"id": settlement_id, "payment_id": payment_id, "settles_on": settles_on, "now": now}
        await connection.execute(SEND, names)

    async def facts(self, connection: Transaction, payment_id: UUID) -> Facts | None:
        """A payment, whoever owns it, locked until the transaction ends; None where there is none."""
        found = await postgres.rows_of(connection, FACTS, {"id": payment_id}, Facts)
        return found[0] if found else None

    async def shown(self, connection: Transaction, payment_id: UUID) -> PaymentOut:
        """A payment as the transaction has left it."""
        return (await self.read_back(connection, [payment_id]))[0]


def _past_of(account_id: UUID, currency: str) -> dict[str, object]:
    return {"account_id": account_id, "currency": currency, "limit": FOREST_WINDOW + FOREST_STEP}
