"""Routes of performance and snapshots: they translate, the service decides."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from serving.kit.access import Principal, Scope, allowed
from serving.kit.openapi import guarded
from serving.performance.schemas import PerformanceOut, PerformanceQuery, SnapshotOut
from serving.performance.service import PerformanceService

router = APIRouter(prefix="/api/v1/portfolios", tags=["performance"])
JSON = "application/json"


async def service_of(request: Request) -> PerformanceService:
    """The service that the wiring made."""
    service: PerformanceService = request.state.performance
    return service


Service = Annotated[PerformanceService, Depends(service_of)]
PortfolioId = Annotated[UUID, Path(description="id of the portfolio")]
Reader = Annotated[Principal, allowed(Scope.PORTFOLIOS_READ)]


@router.get(
    "/{portfolio_id}/performance",
    summary="Measure a portfolio's performance",
    response_model=PerformanceOut,
    responses=guarded(404, 409),
)
async def read_performance(
    portfolio_id: PortfolioId, query: Annotated[PerformanceQuery, Query()], service: Service, principal: Reader
) -> Response:
    """Time-weighted, money-weighted and simple return side by side, and what the gain consists of.

    Both days of the span count. `explain=true` adds every external flow, every sub-period and the conventions. A
    missing price or rate makes what depends on it null, with the symbol in `reasons`; it never counts as zero.
    """
    return Response(await service.performance(principal, portfolio_id, query), media_type=JSON)


@router.get(
    "/{portfolio_id}/snapshot",
    summary="Read everything that a portfolio is now",
    response_model=SnapshotOut,
    responses=guarded(404),
)
async def read_snapshot(portfolio_id: PortfolioId, service: Service, principal: Reader) -> Response:
    """Positions with prices and lots, cash by currency, value, and performance since the first transaction."""
    return Response(await service.snapshot(principal, portfolio_id), media_type=JSON)
