"""Routes of portfolios: they translate, the service decides."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from serving.kit.access import Principal, Scope, allowed
from serving.kit.conditional import IfNoneMatch, conditional
from serving.kit.openapi import CONDITIONAL, guarded
from serving.kit.paging import link_header
from serving.portfolios.schemas import DEMO_PORTFOLIO, PortfolioDetail, PortfolioFilters, PortfolioPage
from serving.portfolios.service import PortfolioService

router = APIRouter(prefix="/api/v1/portfolios", tags=["portfolios"])


async def service_of(request: Request) -> PortfolioService:
    """The service that the wiring made."""
    service: PortfolioService = request.state.portfolios
    return service


Service = Annotated[PortfolioService, Depends(service_of)]
PortfolioId = Annotated[UUID, Path(description="id of the portfolio", examples=[DEMO_PORTFOLIO])]


@router.get("", summary="List portfolios", responses=guarded())
async def list_portfolios(
    filters: Annotated[PortfolioFilters, Query()],
    request: Request,
    response: Response,
    service: Service,
    principal: Annotated[Principal, allowed(Scope.PORTFOLIOS_READ)],
) -> PortfolioPage:
    """Portfolios by id, page by page. `next`, and the `Link` header, hold the path of the next page."""
    page = await service.page(principal, filters, request.url.path)
    response.headers.update(link_header(page.next))
    return page


@router.get(
    "/{portfolio_id}",
    summary="Read a portfolio and its positions",
    response_model=PortfolioDetail,
    responses={**CONDITIONAL, **guarded(404)},
)
async def read_portfolio(
    portfolio_id: PortfolioId,
    service: Service,
    principal: Annotated[Principal, allowed(Scope.PORTFOLIOS_READ)],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """What the portfolio holds now. Quantities are decimal strings; a negative one is a short position."""
    return conditional(await service.detail(principal, portfolio_id), if_none_match)
