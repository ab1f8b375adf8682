"""Routes of what published risk comes from, and of its record: they translate, the service decides."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from serving.kit.conditional import IfNoneMatch, conditional
from serving.kit.openapi import CONDITIONAL, guarded
from serving.portfolios.endpoints import PortfolioId
from serving.risk.detail_schemas import ComponentQuery, RiskBacktest, RiskComponents
from serving.risk.detail_service import RiskDetailService
from serving.risk.endpoints import AsOf, Reader

router = APIRouter(prefix="/api/v1/portfolios/{portfolio_id}/risk", tags=["risk"])


async def service_of(request: Request) -> RiskDetailService:
    """The service that the wiring made."""
    service: RiskDetailService = request.state.risk_detail
    return service


Service = Annotated[RiskDetailService, Depends(service_of)]


@router.get(
    "/components",
    summary="Read what a portfolio's risk comes from",
    response_model=RiskComponents,
    responses={**CONDITIONAL, **guarded(404)},
)
async def read_risk_components(
    portfolio_id: PortfolioId,
    query: Annotated[ComponentQuery, Query()],
    service: Service,
    principal: Reader,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """One-day VaR and ES by instrument, sector or currency, as of the newest business date up to `as_of`.

    Published for the methods historical, parametric_normal, student_t, monte_carlo_normal and monte_carlo_t_copula at
    0.95, 0.975 and 0.99; anything else gets 404 with the code `risk_not_published`.
    """
    return conditional(await service.components(principal, portfolio_id, query), if_none_match)


@router.get(
    "/backtest",
    summary="Read how well a portfolio's risk was forecast",
    response_model=RiskBacktest,
    responses={**CONDITIONAL, **guarded(404)},
)
async def read_risk_backtest(
    portfolio_id: PortfolioId,
    service: Service,
    principal: Reader,
    as_of: AsOf = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The tests of every method's last 250 one-day forecasts: coverage, independence, Basel's zone, and the shortfall.

    A portfolio without a published backtest gets 404 with the code `risk_not_published`.
    """
    return conditional(await service.backtest(principal, portfolio_id, as_of=as_of), if_none_match)
