"""Routes of transactions: they translate, the service decides."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request
from pydantic import Field
from starlette.responses import Response

from serving.kit.access import Principal, Scope, allowed
from serving.kit.crud.batch import MAX_ITEMS, Batch, BatchOut
from serving.kit.crud.routes import CREATED, Models, Resource, router_of
from serving.kit.idempotency import IdempotencyKey
from serving.kit.openapi import CREATED_AT, guarded
from serving.transactions.schemas import TransactionIn, TransactionOut, TransactionPatch, TransactionQuery
from serving.transactions.service import TransactionService

TAG = "transactions"
KEPT = frozenset({"list", "get", "update", "delete"})

rows = router_of(
    Resource(
        prefix="transactions",
        tag=TAG,
        noun="transaction",
        plural="transactions",
        service="transactions",
        models=Models(TransactionOut, TransactionQuery, None, TransactionPatch),
        read=Scope.PORTFOLIOS_READ,
        write=Scope.PORTFOLIOS_WRITE,
        operations=KEPT,
        notes={
            "get": "The transaction while it counts; reversed ones are in the list with `reversed=true`.",
            "update": "A merge patch of the remark; numbers never change: reverse it and book the right one.",
            "delete": (
                "Reverses it: the opposite is booked in the ledger and the lots are folded without it. Refused (409) "
                "where a later transaction needs it, or an order or payment made it."
            ),
        },
    )
)
router = APIRouter(prefix="/api/v1/transactions", tags=[TAG])


async def service_of(request: Request) -> TransactionService:
    """The service that the wiring made."""
    service: TransactionService = request.state.transactions
    return service


Service = Annotated[TransactionService, Depends(service_of)]
Writer = Annotated[Principal, allowed(Scope.PORTFOLIOS_WRITE)]


class TransactionBatch(Batch[TransactionIn]):
    """Transactions to book together."""


Many = TransactionBatch | Annotated[list[TransactionIn], Field(min_length=1, max_length=MAX_ITEMS)]


@router.post(
    "",
    status_code=CREATED,
    summary="Book a transaction",
    operation_id="create_transaction",
    response_model=TransactionOut,
    responses={**CREATED_AT, **guarded(404, 409)},
)
async def create_transaction(
    body: Annotated[TransactionIn, Body()],
    request: Request,
    service: Service,
    principal: Writer,
    idempotency_key: IdempotencyKey,
) -> Response:
    """What happened, with its effect on cash, lots and positions, all in one step. It may lie in the past: the lots
    are then folded again from there."""
    return await service.book(request, principal, idempotency_key, body)


@router.post(
    "/batch",
    status_code=CREATED,
    summary="Book many transactions",
    operation_id="create_transactions_batch",
    response_model=BatchOut[TransactionOut] | list[TransactionOut],
    responses=guarded(404, 409),
)
async def create_transactions_batch(
    body: Annotated[Many, Body()],
    request: Request,
    service: Service,
    principal: Writer,
    idempotency_key: IdempotencyKey,
) -> Response:
    """All or none, or each for itself (`atomic: false`). A bare array is atomic and answers an array. Transactions of
    one instant count in the order in which they are given."""
    return await service.book_many(request, principal, idempotency_key, body)
