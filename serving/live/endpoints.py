"""The route of live values: it translates, the service decides."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request

from serving.kit.access import Principal, Scope, allowed
from serving.kit.openapi import guarded
from serving.live.schemas import LiveOut
from serving.live.service import LiveService

router = APIRouter(prefix="/api/v1/portfolios", tags=["performance"])


async def service_of(request: Request) -> LiveService:
    """The service that the room made."""
    service: LiveService = request.state.live
    return service


@router.get("/{portfolio_id}/live", summary="Read what a portfolio is worth now", responses=guarded(404))
async def read_live_value(
    portfolio_id: Annotated[UUID, Path(description="id of the portfolio")],
    service: Annotated[LiveService, Depends(service_of)],
    principal: Annotated[Principal, allowed(Scope.PORTFOLIOS_READ)],
) -> LiveOut:
    """Equity, exposure and the day's profit or loss, tick by tick; `source` and `as_of` say by which prices. What has
    no price never counts as zero."""
    return await service.live(principal, portfolio_id)
