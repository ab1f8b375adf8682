"""Routes of settlements: they translate, the service decides."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from lakehouse.stores.postgres import Transaction
from serving.kit.access import Principal, Scope, allowed
from serving.kit.crud.routes import Models, Resource, router_of
from serving.kit.idempotency import Answer, IdempotencyKey, Once
from serving.kit.openapi import guarded
from serving.kit.versions import etag
from serving.settlements.schemas import Outcome, SettlementOut, SettlementQuery, SettlementStatus
from serving.settlements.service import SettlementService

TAG = "settlements"

commands = APIRouter(prefix="/api/v1/settlements", tags=[TAG])
resource = router_of(
    Resource(
        prefix="settlements",
        tag=TAG,
        noun="settlement",
        plural="settlements",
        service="settlements",
        models=Models(SettlementOut, SettlementQuery),
        read=Scope.PAYMENTS_READ,
        write=Scope.PAYMENTS_WRITE,
        operations=frozenset({"list", "get"}),
        notes={
            "list": "Payments to an IBAN make them, and an admin ends those. Trades make them, and settle once the "
            "day of their market is over: in the United States T+1, before 2024-05-28 T+2. Clients write none (405)."
        },
    )
)


async def service_of(request: Request) -> SettlementService:
    """The service that the room made."""
    service: SettlementService = request.state.settlements
    return service


Service = Annotated[SettlementService, Depends(service_of)]
Admin = Annotated[Principal, allowed(Scope.ADMIN)]
SettlementId = Annotated[UUID, Path(description="id of the settlement")]


def _add(name: str, status: SettlementStatus, summary: str, description: str) -> None:
    """The route that ends a settlement in `status`."""

    async def endpoint(
        settlement_id: SettlementId,
        body: Outcome,
        request: Request,
        service: Service,
        once: Once,
        principal: Admin,
        idempotency_key: IdempotencyKey,
    ) -> Response:
        async def effect(connection: Transaction) -> Answer:
            ended = await service.end(connection, principal, settlement_id, status, body.reason)
            return Answer(200, ended.model_dump_json().encode(), {"ETag": etag(ended.version)})

        return await once.once(request, principal, idempotency_key, effect)

    commands.post(
        f"/{{settlement_id}}/{name}",
        summary=summary,
        description=f"{description} Needs an admin who is not the payer.",
        response_model=SettlementOut,
        responses=guarded(404, 409),
        operation_id=f"{name}_settlement",
    )(endpoint)


_add("settle", SettlementStatus.SETTLED, "Report that a payment arrived", "The payment becomes `settled`.")
_add(
    "fail", SettlementStatus.FAILED, "Report that a payment failed", "Its money is booked to the payer again: `failed`."
)
_add(
    "return",
    SettlementStatus.RETURNED,
    "Report that a payment came back",
    "After `settled`: booked to the payer: `returned`.",
)
