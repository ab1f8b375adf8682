"""Routes of allocations: they translate, the service decides."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request

from serving.allocations.schemas import AllocationOut
from serving.allocations.service import AllocationService
from serving.kit.access import Principal, Scope, allowed
from serving.kit.openapi import guarded

TAG = "allocations"
router = APIRouter(prefix="/api/v1/portfolios", tags=[TAG])


async def service_of(request: Request) -> AllocationService:
    """The service that the wiring made."""
    service: AllocationService = request.state.allocations
    return service


Service = Annotated[AllocationService, Depends(service_of)]
PortfolioId = Annotated[UUID, Path(description="id of the portfolio")]


@router.get(
    "/{portfolio_id}/allocation",
    summary="Read whether a portfolio's weights are computed",
    operation_id="get_allocation",
    responses=guarded(404),
)
async def read_allocation(
    portfolio_id: PortfolioId, service: Service, principal: Annotated[Principal, allowed(Scope.PORTFOLIOS_READ)]
) -> AllocationOut:
    """Weights are asked for when a portfolio or its objective is made or changed, and on each due date. They follow
    its rebalance policy, or where it has none, its objective."""
    return await service.find(principal, portfolio_id)


@router.post(
    "/{portfolio_id}/allocation",
    status_code=202,
    summary="Have a portfolio's weights computed anew",
    operation_id="ask_allocation",
    responses=guarded(404),
)
async def ask_allocation(
    portfolio_id: PortfolioId, service: Service, principal: Annotated[Principal, allowed(Scope.PORTFOLIOS_WRITE)]
) -> AllocationOut:
    """Pending until they are: within a minute where Airflow runs, at the latest with the sweep of the next weekday. The
    outcome is a proposal; no order is placed by it. Asking twice changes nothing."""
    return await service.ask(principal, portfolio_id)
