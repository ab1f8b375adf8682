"""Cash transactions: booked as transactions are, seen as movements of money."""

from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from lakehouse.clock import Clock
from lakehouse.domain.currency import CurrencyError, to_minor
from lakehouse.portfolio.transactions import Draft
from lakehouse.stores.books.booking import BookingRefused
from lakehouse.stores.books.conversions import KEPT, Conversion, convert
from lakehouse.stores.postgres import Transaction
from serving.accounts.refusals import refusal_of_booking
from serving.audit import log
from serving.cash_transactions.repository import CASH_TRANSACTIONS, own_account
from serving.cash_transactions.schemas import (
    CashTransactionIn,
    CashTransactionOut,
    ConversionAsked,
    ConversionOut,
)
from serving.kit.access import Principal
from serving.kit.crud.service import NotFound
from serving.kit.database import Database
from serving.kit.idempotency import Answer, Idempotency
from serving.kit.problems import AmountNotRepresentable, ApiError
from serving.kit.types import money_of
from serving.kit.versions import etag
from serving.transactions.booker import OBJECT, Booker
from serving.transactions.drafts import draft_of
from serving.transactions.service import CREATED, BookedService


class NoPortfolio(ApiError):
    """The account has no portfolio, in which the conversion would be booked."""

    status = 409
    code = "account_without_portfolio"
    title = "The account has no portfolio"


class CashTransactionService(BookedService[CashTransactionOut]):
    """Deposits, withdrawals, interest, fees and taxes."""

    def __init__(self, database: Database, idempotency: Idempotency, clock: Clock) -> None:
        super().__init__(database, CASH_TRANSACTIONS, idempotency, clock)

    def draft(self, item: CashTransactionIn) -> Draft:
        """The draft of an item. Raises CurrencyError."""
        return draft_of(item)


class ConversionService:
    """Conversions between the currencies of an account of the caller."""

    def __init__(self, idempotency: Idempotency, clock: Clock) -> None:
        self._idempotency = idempotency
        self._clock = clock
        self._booker = Booker(clock)

    async def convert(
        self, request: Request, principal: Principal, key: str, account_id: UUID, body: ConversionAsked
    ) -> Response:
        """The answer to a conversion, made once a key. Raises ApiError."""

        async def effect(connection: Transaction) -> Answer:
            try:
                out = await self._convert(connection, principal, account_id, body)
            except BookingRefused as refused:
                raise refusal_of_booking(refused) from refused
            except CurrencyError as error:
                raise AmountNotRepresentable(f"{error}.") from error
            headers = {"Location": f"/api/v1/cash-transactions/{out.id}", "ETag": etag(1)}
            return Answer(CREATED, out.model_dump_json().encode(), headers)

        return await self._idempotency.once(request, principal, key, effect)

    async def _convert(
        self, connection: Transaction, principal: Principal, account_id: UUID, body: ConversionAsked
    ) -> ConversionOut:
        asked = _conversion(body)
        account = await own_account(connection, account_id, principal.user_id)
        if account is None:
            raise NotFound(f"There is no account {account_id} of yours.")
        if account.portfolio_id is None:
            raise NoPortfolio("Convert in the account of a portfolio: POST /api/v1/portfolios makes one.")
        books = await self._booker.open(connection, principal, account.portfolio_id)
        made = await convert(connection, books, asked, clock=self._clock)
        out = ConversionOut(
            id=made.transaction_id,
            account_id=account_id,
            portfolio_id=books.portfolio_id,
            given=money_of(asked.amount_minor, asked.currency),
            received=money_of(made.received_minor, asked.to_currency),
            rate=made.rate.value.quantize(KEPT),
            rate_as_of=made.rate.as_of,
        )
        await log.record(
            connection,
            principal,
            f"{OBJECT}.convert",
            clock=self._clock,
            object_kind=OBJECT,
            object_id=str(out.id),
            after=out.model_dump(mode="json"),
        )
        return out


def _conversion(body: ConversionAsked) -> Conversion:
    return Conversion(
        currency=body.currency,
        amount_minor=to_minor(body.amount, body.currency),
        to_currency=body.to_currency,
        max_rate=body.max_rate,
        min_receive_minor=None if body.min_receive is None else to_minor(body.min_receive, body.to_currency),
        note=body.note,
    )
