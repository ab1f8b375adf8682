"""Routes of payments: they translate, the service decides."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Path, Request, Response

from lakehouse.stores.postgres import Transaction
from serving.kit.access import Principal, Scope, allowed
from serving.kit.crud.batch import BatchOut, items_of, written_of
from serving.kit.crud.routes import Models, Resource, router_of
from serving.kit.idempotency import Answer, IdempotencyKey, Once
from serving.kit.openapi import CREATED_AT, guarded
from serving.kit.versions import etag
from serving.payments.schemas import ManyPayments, PaymentIn, PaymentOut, PaymentPatch, PaymentQuery, Review
from serving.payments.service import PaymentService

TAG = "payments"
PREFIX = "/api/v1/payments"

commands = APIRouter(prefix=PREFIX, tags=[TAG])
resource = router_of(
    Resource(
        prefix="payments",
        tag=TAG,
        noun="payment",
        plural="payments",
        service="payments",
        models=Models(PaymentOut, PaymentQuery, patch=PaymentPatch),
        read=Scope.PAYMENTS_READ,
        write=Scope.PAYMENTS_WRITE,
        operations=frozenset({"list", "get", "update", "delete"}),
        notes={
            "update": "The note at any time, the reference while the payment is held for review; nothing else.",
            "delete": "Cancels a payment that is held for review and gives its money back; 409 for any later one. The "
            "payment stays readable, as `canceled`.",
        },
    )
)


async def service_of(request: Request) -> PaymentService:
    """The service that the room made."""
    service: PaymentService = request.state.payments
    return service


Service = Annotated[PaymentService, Depends(service_of)]
Writer = Annotated[Principal, allowed(Scope.PAYMENTS_WRITE)]
Reviewer = Annotated[Principal, allowed(Scope.ADMIN)]
PaymentId = Annotated[UUID, Path(description="id of the payment")]


def _answer(payment: PaymentOut, status: int = 200) -> Answer:
    headers = {"ETag": etag(payment.version)}
    if status == 201:
        headers["Location"] = f"{PREFIX}/{payment.id}"
    return Answer(status, payment.model_dump_json().encode(), headers)


@commands.post(
    "",
    status_code=201,
    summary="Make a payment",
    response_model=PaymentOut,
    responses={**CREATED_AT, **guarded(404, 409)},
    operation_id="create_payment",
)
async def create_payment(
    body: PaymentIn, request: Request, service: Service, once: Once, principal: Writer, idempotency_key: IdempotencyKey
) -> Response:
    """Pay another account of the platform, whoever owns it, or one elsewhere by its IBAN.

    The fraud check comes first. `allow` moves the money at once: the payment is `settled` inside the platform, and
    `authorised` with a settlement outside. `review` reserves the money until an admin other than you decides.
    `block` stops it: the answer is 201 with status `blocked`, the payment is on record and no money has moved.
    """
    forests = await service.forests(principal, [body])

    async def effect(connection: Transaction) -> Answer:
        return _answer(await service.order(connection, principal, body, forests), 201)

    return await once.once(request, principal, idempotency_key, effect)


@commands.post(
    "/batch",
    status_code=201,
    summary="Make many payments",
    response_model=BatchOut[PaymentOut] | list[PaymentOut],
    responses=guarded(404, 409),
    operation_id="create_payments_batch",
)
async def batch_payments(
    body: Annotated[ManyPayments, Body()],
    request: Request,
    service: Service,
    once: Once,
    principal: Writer,
    idempotency_key: IdempotencyKey,
) -> Response:
    """Payments in the order given, all or none, or each for itself (`atomic: false`). A bare array is atomic and
    answers an array.

    One Idempotency-Key stands for the whole batch: all that it does is one transaction, so items need no keys of
    their own, and a repeat gets the first answer for every item. Later items see what earlier ones have spent.
    """
    items, atomic = items_of(body)
    forests = await service.forests(principal, items)

    async def effect(connection: Transaction) -> Answer:
        outcomes = await service.order_many(connection, principal, items, forests, atomic=atomic)
        return Answer(201, written_of(body, outcomes))

    return await once.once(request, principal, idempotency_key, effect)


Decision = Callable[[PaymentService, Transaction, Principal, UUID, str], Awaitable[PaymentOut]]


def _add(name: str, decide: Decision, summary: str, description: str) -> None:
    """The route by which an admin decides about a held payment."""

    async def endpoint(
        payment_id: PaymentId,
        body: Review,
        request: Request,
        service: Service,
        once: Once,
        principal: Reviewer,
        idempotency_key: IdempotencyKey,
    ) -> Response:
        async def effect(connection: Transaction) -> Answer:
            return _answer(await decide(service, connection, principal, payment_id, body.reason))

        return await once.once(request, principal, idempotency_key, effect)

    commands.post(
        f"/{{payment_id}}/{name}",
        summary=summary,
        description=description,
        response_model=PaymentOut,
        responses=guarded(404, 409),
        operation_id=f"{name}_payment",
    )(endpoint)


_add(
    "approve",
    PaymentService.approve,
    "Let a held payment go",
    "Moves the reserved money. Needs an admin who is not the payer: 403 `second_person_needed` otherwise.",
)
_add(
    "reject",
    PaymentService.reject,
    "Refuse a held payment",
    "Gives the reserved money back to the payer. Needs an admin who is not the payer.",
)
