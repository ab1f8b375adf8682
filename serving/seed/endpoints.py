"""Route of seeds: it translates, the service decides."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request, Response

from lakehouse.stores.postgres import Transaction
from serving.kit.access import Principal, Scope, allowed
from serving.kit.idempotency import Answer, Idempotency, IdempotencyKey
from serving.kit.openapi import guarded
from serving.seed.schemas import SeedIn, SeedOut
from serving.seed.service import SeedService

router = APIRouter(prefix="/api/v1/seed", tags=["seed"])
CREATED = 201


async def _effect(connection: Transaction, service: SeedService, principal: Principal, body: SeedIn) -> Answer:
    made = await service.seed(connection, principal, body)
    headers = {"Location": f"/api/v1/portfolios/{made.portfolio_id}"}
    return Answer(CREATED, made.model_dump_json().encode(), headers)


@router.post(
    "",
    status_code=CREATED,
    summary="Make a portfolio with its cash, positions and history",
    response_model=SeedOut,
    responses=guarded(404, 409),
)
async def seed(
    request: Request,
    body: SeedIn,
    principal: Annotated[Principal, allowed(Scope.PORTFOLIOS_WRITE)],
    idempotency_key: IdempotencyKey,
) -> Response:
    """One transaction: the portfolio and its account, opening cash as deposits, opening positions as transfers in at
    their cost, then the transactions by time; and the event `portfolio.seeded` with this document.

    An unknown symbol becomes a draft instrument. If the books refuse one line, nothing is written.
    """
    service: SeedService = request.state.seed
    idempotency: Idempotency = request.state.seed_idempotency
    effect = partial(_effect, service=service, principal=principal, body=body)
    return await idempotency.once(request, principal, idempotency_key, effect)
