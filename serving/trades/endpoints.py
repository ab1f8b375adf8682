"""Routes of trades: orders in the short form go to the service of orders, executions are read."""

from typing import Annotated

from fastapi import APIRouter, Body, Request, Response

from lakehouse.stores.postgres import Transaction
from serving.kit.access import Scope
from serving.kit.crud.batch import BatchOut, items_of, written_of
from serving.kit.crud.routes import Models, Resource, router_of
from serving.kit.idempotency import Answer, IdempotencyKey, Once, Pending
from serving.kit.openapi import CREATED_AT, guarded
from serving.orders.endpoints import Service, Writer, placed
from serving.orders.schemas import OrderDetail
from serving.trades.schemas import ManyTrades, TradeIn, TradeOut, TradeQuery

TAG = "trades"
PREFIX = "/api/v1/trades"

router = APIRouter(prefix=PREFIX, tags=[TAG])
listing = router_of(
    Resource(
        prefix="trades",
        tag=TAG,
        noun="trade",
        plural="trades",
        service="trades",
        models=Models(TradeOut, TradeQuery),
        read=Scope.ORDERS_READ,
        write=Scope.ORDERS_WRITE,
        operations=frozenset({"list", "get"}),
        notes={
            "list": "Executions, page by page: follow `next`, or the `Link` header.",
            "get": "An execution. It is booked once and never changes.",
        },
    )
)


@router.post(
    "",
    status_code=201,
    summary="Trade",
    response_model=OrderDetail,
    responses={
        **CREATED_AT,
        200: {"model": OrderDetail, "description": "The order that an earlier request with this id placed"},
        **guarded(404, 409),
    },
    operation_id="create_trade",
)
async def create_trade(
    body: TradeIn, request: Request, service: Service, once: Once, principal: Writer, idempotency_key: IdempotencyKey
) -> Response:
    """Place an order in the short form; the answer is the order, with `surveillance_score` and `surveillance_alert`.

    Refusals are those of `POST /api/v1/orders`. The executions appear under `GET /api/v1/trades` when venues fill it.
    """

    async def effect(connection: Transaction) -> Pending:
        return placed(request, await service.decide(connection, principal, body.ticket))

    return await once.once(request, principal, idempotency_key, effect)


@router.post(
    "/batch",
    status_code=201,
    summary="Trade many",
    response_model=BatchOut[OrderDetail] | list[OrderDetail],
    responses=guarded(404, 409),
    operation_id="create_trades_batch",
)
async def create_trades_batch(
    body: Annotated[ManyTrades, Body()],
    request: Request,
    service: Service,
    once: Once,
    principal: Writer,
    idempotency_key: IdempotencyKey,
) -> Response:
    """Orders in the short form, in the order given, all or none, or each for itself (`atomic: false`). A bare array is
    atomic and answers an array."""

    items, atomic = items_of(body)

    async def effect(connection: Transaction) -> Answer:
        tickets = [item.ticket for item in items]
        outcomes = await service.place_many(connection, principal, tickets, atomic=atomic)
        return Answer(201, written_of(body, outcomes))

    return await once.once(request, principal, idempotency_key, effect)
