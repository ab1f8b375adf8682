"""Route of the aggregate: it translates, the service decides."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from serving.aggregate.schemas import Aggregate
from serving.aggregate.service import AggregateService
from serving.kit.access import Principal, Scope, allowed
from serving.kit.conditional import IfNoneMatch, conditional_bytes
from serving.kit.openapi import CONDITIONAL, guarded

router = APIRouter(prefix="/api/v1/portfolio", tags=["portfolios"])


async def service_of(request: Request) -> AggregateService:
    """The service that the wiring made."""
    service: AggregateService = request.state.aggregate
    return service


@router.get(
    "",
    summary="Read everything that you hold",
    response_model=Aggregate,
    responses={**CONDITIONAL, **guarded()},
)
async def read_aggregate(
    service: Annotated[AggregateService, Depends(service_of)],
    principal: Annotated[Principal, allowed(Scope.PORTFOLIOS_READ)],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """All your portfolios: positions, cash, value and the risk published last.

    Prices and risk may be up to five minutes old (`as_of`); what you have written yourself is always in it.
    """
    return conditional_bytes(await service.document(principal), if_none_match)
