"""Routes of stress and of explained days: they translate, the service decides."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from serving.kit.conditional import IfNoneMatch, conditional
from serving.kit.openapi import CONDITIONAL, guarded
from serving.portfolios.endpoints import PortfolioId
from serving.risk.endpoints import AsOf, Reader
from serving.risk.stress_schemas import PortfolioExplained, PortfolioStress
from serving.risk.stress_service import StressService

router = APIRouter(prefix="/api/v1/portfolios/{portfolio_id}/risk", tags=["risk"])


async def service_of(request: Request) -> StressService:
    """The service that the wiring made."""
    service: StressService = request.state.risk_stress
    return service


Service = Annotated[StressService, Depends(service_of)]


@router.get(
    "/stress",
    summary="Read what crises and shocks would do to a portfolio",
    response_model=PortfolioStress,
    responses={**CONDITIONAL, **guarded(404)},
)
async def read_risk_stress(
    portfolio_id: PortfolioId,
    service: Service,
    principal: Reader,
    as_of: AsOf = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Windows of history, shocks made up, and how far the nearest large loss is, as of the newest date up to `as_of`.

    A scenario without the prices that it needs has a `reason` and no number. A portfolio without published stress gets
    404 with the code `risk_not_published`.
    """
    return conditional(await service.stress(principal, portfolio_id, as_of=as_of), if_none_match)


@router.get(
    "/pnl-explain",
    summary="Read why a portfolio gained or lost since the close before",
    response_model=PortfolioExplained,
    responses={**CONDITIONAL, **guarded(404)},
)
async def read_pnl_explained(
    portfolio_id: PortfolioId,
    service: Service,
    principal: Reader,
    as_of: AsOf = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """By instrument: price, exchange rates, trades, income, fees, and what transactions do not explain, which sum.

    As of the newest business date up to `as_of`; a portfolio without an explained day gets 404 with the code
    `risk_not_published`.
    """
    return conditional(await service.explained(principal, portfolio_id, as_of=as_of), if_none_match)
