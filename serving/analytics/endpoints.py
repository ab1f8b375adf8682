"""Routes of analytics: they translate, the service decides."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from serving.analytics.schemas import DeltaInfo, DeltaQuery, PortfolioRiskQuery, PortfolioRiskReport
from serving.analytics.service import AnalyticsService
from serving.kit.access import Principal, Scope, allowed
from serving.kit.openapi import guarded

router = APIRouter(prefix="/api/v1/analytics", tags=["analytics"])


async def service_of(request: Request) -> AnalyticsService:
    """The service that the wiring made."""
    service: AnalyticsService = request.state.analytics
    return service


Service = Annotated[AnalyticsService, Depends(service_of)]
Reader = Annotated[Principal, allowed(Scope.RISK_READ)]


@router.get("/portfolio-risk", summary="Rank your portfolios by risk", responses=guarded())
async def read_portfolio_risk_report(
    query: Annotated[PortfolioRiskQuery, Query()], service: Service, principal: Reader
) -> PortfolioRiskReport:
    """From ClickHouse: each portfolio's newest published number, and sums by currency.

    A portfolio without a number stands in `without_risk`: that is an absence, not a risk of zero.
    """
    return await service.portfolio_risk(principal, query)


@router.get("/delta-info", summary="Describe a table of the lake", responses=guarded(404))
async def read_delta_info(query: Annotated[DeltaQuery, Query()], service: Service, principal: Reader) -> DeltaInfo:
    """Version, rows, bytes, partitions and a few rows of a table that the contracts name, read from its Delta log."""
    return await service.delta_info(principal, query)
