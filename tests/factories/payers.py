"""Someone who pays, and whom to pay."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from lakehouse.clock import SystemClock
from lakehouse.domain.ids import uuid7
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from tests.factories import funds
from tests.factories.api_users import ApiUser, api_user

PATH = "/api/v1/payments"
IBAN = "DE89370400440532013000"
CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Payer:
    """A user with a client and an account."""

    settings: Settings
    user: ApiUser
    client: httpx.Client
    account: UUID

    def pay(self, to: object, amount: str, *, key: str | None = None, **more: object) -> httpx.Response:
        body = {"from_account_id": str(self.account), "to": to, "amount": amount, "currency": "USD", **more}
        return self.client.post(PATH, json=body, headers={"Idempotency-Key": key or uuid4().hex})

    @property
    def cash(self) -> tuple[int, int]:
        return funds.cash(self.settings, self.account)

    def past(self, count: int, *, minor: int = 1_000, to: UUID | None = None) -> None:
        """Settled payments of earlier days, as if they had been made through the API."""
        outside = (None, None) if to else ("Past", IBAN)
        with postgres.connect(self.settings.postgres) as connection:
            for index in range(count):
                at = CLOCK.now() - timedelta(days=count - index)
                connection.execute(
                    "INSERT INTO app.payment (id, owner_id, from_account_id, to_account_id, counterparty_name, "
                    "counterparty_iban, amount_minor, currency, status, fraud_score, fraud_recommendation, "
                    "fraud_reasons, fraud_model, settled_at, created_at, updated_at) VALUES (%s, %s, %s, %s, %s, %s, "
                    "%s, 'USD', 'settled', 0, 'allow', '[]', 'rules', %s, %s, %s)",
                    (uuid7(CLOCK), self.user.id, self.account, to, *outside, minor + index % 7, at, at, at),
                )


def receiver(settings: Settings, **options: Any) -> UUID:
    return funds.account(settings, api_user(settings).id, **options)


def here(account: UUID) -> dict[str, str]:
    return {"account_id": str(account)}


def elsewhere(iban: str = IBAN) -> dict[str, str]:
    return {"name": "Muster GmbH", "iban": iban}
