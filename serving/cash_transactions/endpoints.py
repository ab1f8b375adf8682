"""Routes of cash transactions: they translate, the service decides."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Path, Request
from pydantic import Field
from starlette.responses import Response

from serving.cash_transactions.schemas import (
    CashTransactionIn,
    CashTransactionOut,
    CashTransactionQuery,
    ConversionAsked,
    ConversionOut,
)
from serving.cash_transactions.service import CashTransactionService, ConversionService
from serving.kit.access import Principal, Scope, allowed
from serving.kit.crud.batch import MAX_ITEMS, Batch, BatchOut
from serving.kit.crud.routes import CREATED, Models, Resource, router_of
from serving.kit.idempotency import IdempotencyKey
from serving.kit.openapi import CREATED_AT, guarded
from serving.transactions.schemas import TransactionPatch

TAG = "cash-transactions"
KEPT = frozenset({"list", "get", "update", "delete"})

rows = router_of(
    Resource(
        prefix="cash-transactions",
        tag=TAG,
        noun="cash transaction",
        plural="cash transactions",
        service="cash_transactions",
        models=Models(CashTransactionOut, CashTransactionQuery, None, TransactionPatch),
        read=Scope.PORTFOLIOS_READ,
        write=Scope.PORTFOLIOS_WRITE,
        operations=KEPT,
        notes={
            "get": "The movement while it counts; reversed ones are in the list with `reversed=true`.",
            "update": "A merge patch of the remark; amounts never change: reverse it and book the right one.",
            "delete": "Reverses it. Refused (409) where the money is gone, or a payment made it.",
        },
    )
)
router = APIRouter(prefix="/api/v1/cash-transactions", tags=[TAG])
conversions = APIRouter(prefix="/api/v1/accounts", tags=[TAG])


async def service_of(request: Request) -> CashTransactionService:
    """The service that the wiring made."""
    service: CashTransactionService = request.state.cash_transactions
    return service


Service = Annotated[CashTransactionService, Depends(service_of)]
Writer = Annotated[Principal, allowed(Scope.PORTFOLIOS_WRITE)]
AccountId = Annotated[UUID, Path(description="id of the account")]
Many = Batch[CashTransactionIn] | Annotated[list[CashTransactionIn], Field(min_length=1, max_length=MAX_ITEMS)]


@router.post(
    "",
    status_code=CREATED,
    summary="Book a movement of money",
    operation_id="create_cash_transaction",
    response_model=CashTransactionOut,
    responses={**CREATED_AT, **guarded(404, 409)},
)
async def create_cash_transaction(
    body: CashTransactionIn,
    request: Request,
    service: Service,
    principal: Writer,
    idempotency_key: IdempotencyKey,
) -> Response:
    """A deposit, withdrawal, interest, fee or tax. What is not there cannot be taken out (409)."""
    return await service.book(request, principal, idempotency_key, body)


@router.post(
    "/batch",
    status_code=CREATED,
    summary="Book many movements of money",
    operation_id="create_cash_transactions_batch",
    response_model=BatchOut[CashTransactionOut] | list[CashTransactionOut],
    responses=guarded(404, 409),
)
async def create_cash_transactions_batch(
    body: Annotated[Many, Body()],
    request: Request,
    service: Service,
    principal: Writer,
    idempotency_key: IdempotencyKey,
) -> Response:
    """All or none, or each for itself (`atomic: false`). A bare array is atomic and answers an array."""
    return await service.book_many(request, principal, idempotency_key, body)


async def conversions_of(request: Request) -> ConversionService:
    """The service that the wiring made."""
    service: ConversionService = request.state.conversions
    return service


@conversions.post(
    "/{account_id}/conversions",
    status_code=CREATED,
    summary="Convert money into another currency",
    operation_id="create_conversion",
    response_model=ConversionOut,
    responses={**CREATED_AT, **guarded(404, 409)},
)
async def create_conversion(
    account_id: AccountId,
    body: ConversionAsked,
    request: Request,
    service: Annotated[ConversionService, Depends(conversions_of)],
    principal: Writer,
    idempotency_key: IdempotencyKey,
) -> Response:
    """At the newest rate of the books on or before today (`GET /api/v1/fx-rates`), direct, inverted, or across USD or
    EUR. Refused (409) with a `rule`: rate_missing, rate_stale (older than a week), rate_beyond_limit, same_currency;
    and as insufficient_funds where the money is not there. It is an internal flow: no deposit, no withdrawal."""
    return await service.convert(request, principal, idempotency_key, account_id, body)
