"""The route of confirmations: it translates, the service decides."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from psycopg import Rollback

from lakehouse.stores.postgres import Transaction
from serving.confirmations.schemas import ConfirmationOut, ConfirmIn
from serving.confirmations.service import ConfirmationService
from serving.kit.access import Principal, Scope, allowed
from serving.kit.idempotency import Answer, IdempotencyKey, Once
from serving.kit.openapi import guarded
from serving.orders.service import OrderService

TAG = "proposals"
router = APIRouter(prefix="/api/v1/proposals", tags=[TAG])


async def service_of(request: Request) -> ConfirmationService:
    """The service that the room made."""
    service: ConfirmationService = request.state.confirmations
    return service


Service = Annotated[ConfirmationService, Depends(service_of)]


@router.post(
    "/{proposal_id}/confirm",
    summary="Make orders of a proposal",
    operation_id="confirm_proposal",
    response_model=ConfirmationOut,
    responses=guarded(404, 409),
)
async def confirm_proposal(
    proposal_id: Annotated[UUID, Path(description="id of the proposal")],
    body: ConfirmIn,
    request: Request,
    service: Service,
    once: Once,
    principal: Annotated[Principal, allowed(Scope.ORDERS_WRITE)],
    idempotency_key: IdempotencyKey,
) -> Response:
    """Each trade becomes a market order with the source `automation`, sales first, through the pre-trade rules that all
    orders pass. Where they refuse one, none is placed: 409 `proposal_refused` names every one with its rule. Purchases
    that need the proceeds of its own sales are in `waiting`: confirm again when those are filled; no trade becomes two
    orders. After the session that it is for, and where prices have moved, it is 409 `proposal_stale`.
    """

    orders: OrderService = request.state.orders

    async def effect(connection: Transaction) -> Answer:
        async with connection.transaction() as savepoint:
            found = await service.confirm(connection, principal, proposal_id, body, orders=orders)
            if body.dry_run:
                raise Rollback(savepoint)
        return Answer(200, found.model_dump_json().encode())

    return await once.once(request, principal, idempotency_key, effect)
