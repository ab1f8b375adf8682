"""Routes of published risk: they translate, the service decides."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from serving.kit.access import Principal, Scope, allowed
from serving.kit.conditional import IfNoneMatch, conditional
from serving.kit.openapi import CONDITIONAL, guarded
from serving.kit.paging import link_header
from serving.kit.types import IsoDate, Optionally
from serving.portfolios.endpoints import PortfolioId
from serving.risk.schemas import DEMO_DATE, PortfolioRisk, RiskMetricFilters, RiskMetricPage
from serving.risk.service import RiskService

router = APIRouter(prefix="/api/v1", tags=["risk"])


async def service_of(request: Request) -> RiskService:
    """The service that the wiring made."""
    service: RiskService = request.state.risk
    return service


Service = Annotated[RiskService, Depends(service_of)]
Reader = Annotated[Principal, allowed(Scope.RISK_READ)]
AsOf = Annotated[
    Optionally[IsoDate],
    Query(description="newest business date up to this day; left out, the newest of all", examples=[DEMO_DATE]),
]


@router.get(
    "/portfolios/{portfolio_id}/risk",
    summary="Read a portfolio's VaR and ES",
    response_model=PortfolioRisk,
    responses={**CONDITIONAL, **guarded(404)},
)
async def read_portfolio_risk(
    portfolio_id: PortfolioId,
    service: Service,
    principal: Reader,
    as_of: AsOf = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Every method and confidence, as of the newest business date up to `as_of`.

    A portfolio without published risk gets 404 with the code `risk_not_published`: an absence is not a risk of zero.
    """
    return conditional(await service.of_portfolio(principal, portfolio_id, as_of=as_of), if_none_match)


@router.get("/risk-metrics", summary="List risk metrics of all portfolios and dates", responses=guarded(409))
async def list_risk_metrics(
    filters: Annotated[RiskMetricFilters, Query()],
    request: Request,
    response: Response,
    service: Service,
    principal: Reader,
) -> RiskMetricPage:
    """Newest business date first. `next`, and the `Link` header, hold the path of the next page.

    A cursor belongs to the filters that it was made with: with others it gets 409 `cursor_mismatch`.
    """
    page = await service.page(principal, filters, request.url.path)
    response.headers.update(link_header(page.next))
    return page
