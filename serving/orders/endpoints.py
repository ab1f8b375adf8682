"""Routes of orders: they translate, the service decides."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Path, Request, Response

from lakehouse.stores.postgres import Transaction
from serving.kit.access import Principal, Scope, allowed
from serving.kit.conditional import IfNoneMatch
from serving.kit.crud.batch import BatchOut, items_of, written_of
from serving.kit.crud.routes import Models, Resource, respond_version, router_of, written
from serving.kit.idempotency import Answer, IdempotencyKey, Once, Pending
from serving.kit.openapi import CONDITIONAL, CREATED_AT, VERSIONED, guarded
from serving.kit.problems import respond
from serving.kit.versions import IfMatch, etag
from serving.orders.schemas import (
    FillIn,
    ManyOrders,
    OrderDetail,
    OrderHistory,
    OrderIn,
    OrderOut,
    OrderPatch,
    OrderQuery,
)
from serving.orders.service import OrderService, Outcome
from serving.orders.tickets import ticket_of

TAG = "orders"
PREFIX = "/api/v1/orders"

router = APIRouter(prefix=PREFIX, tags=[TAG])
listing = router_of(
    Resource(
        prefix="orders",
        tag=TAG,
        noun="order",
        plural="orders",
        service="orders",
        models=Models(OrderOut, OrderQuery),
        read=Scope.ORDERS_READ,
        write=Scope.ORDERS_WRITE,
        operations=frozenset({"list"}),
        notes={
            "list": "Page by page: follow `next`, or the `Link` header. `?status=open` are those that may still be "
            "filled; `?client_order_id=` looks one up by your own id."
        },
    )
)


async def service_of(request: Request) -> OrderService:
    """The service that the room made."""
    service: OrderService = request.state.orders
    return service


Service = Annotated[OrderService, Depends(service_of)]
Reader = Annotated[Principal, allowed(Scope.ORDERS_READ)]
Writer = Annotated[Principal, allowed(Scope.ORDERS_WRITE)]
Venue = Annotated[Principal, allowed(Scope.ADMIN)]
OrderId = Annotated[UUID, Path(description="id of the order")]


def placed(request: Request, outcome: Outcome) -> Pending:
    """201 for a new order, 200 for one that a retry found, 409 for one that a rule rejected."""
    if outcome.rejection is not None:
        refused = respond(request, outcome.rejection)
        headers = {"Content-Type": str(refused.media_type), "Location": f"{PREFIX}/{outcome.order.id}"}
        return Pending(Answer(outcome.rejection.status, bytes(refused.body), headers), outcome.write)
    return Pending(order_answer(outcome.order, 201 if outcome.is_new else 200), outcome.write)


def order_answer(order: OrderDetail, status: int) -> Answer:
    """An order with its address and version."""
    headers = {"ETag": etag(order.version), "Location": f"{PREFIX}/{order.id}"}
    return Answer(status, order.model_dump_json().encode(), headers)


@router.post(
    "",
    status_code=201,
    summary="Place an order",
    response_model=OrderDetail,
    responses={
        **CREATED_AT,
        200: {"model": OrderDetail, "description": "The order that an earlier request with this id placed"},
        **guarded(404, 409),
    },
    operation_id="create_order",
)
async def create_order(
    body: OrderIn, request: Request, service: Service, once: Once, principal: Writer, idempotency_key: IdempotencyKey
) -> Response:
    """Place an order, a bracket or an oco. What it may cost or deliver is kept back from now until it ends.

    The simulated venue fills an order without a limit at the next quote, or where its symbol had none for a minute, at
    the next trade and its size at most; a limit at a quote or a trade that goes through it. A quote or trade older than
    the order fills nothing.

    Pre-trade rules judge it first. One that they reject is on record with status `rejected`, and the answer is 409
    `order_rejected` with `rule`, `limit`, `order_id` and `conflicting_order_id`. One that is impossible as it stands is
    409 `order_refused`, and nothing is written. A retry with the same `client_order_id` and the same content finds the
    order (200), one with another content is 409 `client_order_id_reused`.
    """

    async def effect(connection: Transaction) -> Pending:
        return placed(request, await service.decide(connection, principal, ticket_of(body)))

    return await once.once(request, principal, idempotency_key, effect)


@router.post(
    "/batch",
    status_code=201,
    summary="Place many orders",
    response_model=BatchOut[OrderDetail] | list[OrderDetail],
    responses=guarded(404, 409),
    operation_id="create_orders_batch",
)
async def create_orders_batch(
    body: Annotated[ManyOrders, Body()],
    request: Request,
    service: Service,
    once: Once,
    principal: Writer,
    idempotency_key: IdempotencyKey,
) -> Response:
    """Orders in the order given, all or none, or each for itself (`atomic: false`). A bare array is atomic and answers
    an array.

    Later ones see what earlier ones have reserved. With `atomic: false` orders that a rule rejects stay on record.
    """

    items, atomic = items_of(body)

    async def effect(connection: Transaction) -> Answer:
        tickets = [ticket_of(item) for item in items]
        outcomes = await service.place_many(connection, principal, tickets, atomic=atomic)
        return Answer(201, written_of(body, outcomes))

    return await once.once(request, principal, idempotency_key, effect)


@router.get(
    "/{order_id}",
    summary="Read an order and its legs",
    response_model=OrderDetail,
    responses={**CONDITIONAL, **guarded(404)},
    operation_id="get_order",
)
async def get_order(
    order_id: OrderId, service: Service, principal: Reader, if_none_match: IfNoneMatch = None
) -> Response:
    """The order as it stands, with the legs of its bracket or oco."""
    found = await service.with_legs(principal, order_id)
    return respond_version(found, if_none_match if not found.legs else None)


@router.get(
    "/{order_id}/events",
    summary="Read what happened to an order",
    responses=guarded(404),
    operation_id="list_order_events",
)
async def list_order_events(order_id: OrderId, service: Service, principal: Reader) -> OrderHistory:
    """Every change of its state, by version and without gaps."""
    return OrderHistory(order_id=order_id, data=await service.history(principal, order_id))


@router.patch(
    "/{order_id}",
    summary="Replace an order",
    response_model=OrderDetail,
    responses={**VERSIONED, **guarded(404, 409, 412)},
    operation_id="replace_order",
)
async def replace_order(
    order_id: OrderId, body: OrderPatch, service: Service, principal: Writer, if_match: IfMatch = None
) -> Response:
    """A new order takes the place of the unfilled part of a working one; the answer is the new order.

    `quantity` is what shall still be filled. A `trail_amount` or `trail_percent` takes the place of the trail that it
    has, of either kind, and starts behind the last price unless `stop_price` is named. Where a rule refuses the
    new order, the old one goes on. Give the new order a `client_order_id`, and a retry finds it. Send
    `If-Match: "VERSION"` to be refused (412) where the order was filled meanwhile.
    """
    async with service.database.transaction() as connection:
        order = await service.replace(connection, principal, order_id, body, if_match)
    return written(order, headers={"Location": f"{PREFIX}/{order.id}"})


@router.delete(
    "/{order_id}",
    summary="Cancel an order",
    response_model=OrderDetail,
    responses={**VERSIONED, **guarded(404, 409, 412)},
    operation_id="cancel_order",
)
async def cancel_order(order_id: OrderId, service: Service, principal: Writer, if_match: IfMatch = None) -> Response:
    """End the unfilled part; what it kept back is free again. With an entry its legs end, with a leg its sibling.

    The order stays readable, as `canceled`; a second cancel changes nothing. What is filled, expired, replaced or
    rejected is 409. An order that a broker has stays open until the broker, which is asked to, has ended it.
    """
    async with service.database.transaction() as connection:
        order = await service.cancel(connection, principal, order_id, if_match)
    return written(order)


@router.post(
    "/{order_id}/fills",
    status_code=201,
    summary="Fill an order by hand",
    response_model=OrderDetail,
    responses={
        **CREATED_AT,
        200: {"model": OrderDetail, "description": "The fill was booked before"},
        **guarded(404, 409),
    },
    operation_id="create_order_fill",
)
async def create_order_fill(
    order_id: OrderId,
    body: FillIn,
    request: Request,
    service: Service,
    once: Once,
    principal: Venue,
    idempotency_key: IdempotencyKey,
) -> Response:
    """Admins only, for simulations: book what a venue reports, with lots, cash, ledger and events in one transaction.

    A second report with the same `venue_trade_id` changes nothing (200).
    """

    async def effect(connection: Transaction) -> Answer:
        order, is_new = await service.fill(connection, principal, order_id, body)
        return order_answer(order, 201 if is_new else 200)

    return await once.once(request, principal, idempotency_key, effect)
