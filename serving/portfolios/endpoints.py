"""Routes of portfolios: they translate, the service decides."""

from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field

from serving.kit.access import Principal, Scope, allowed
from serving.kit.conditional import IfNoneMatch, conditional
from serving.kit.crud.routes import ALL, Models, Resource, router_of
from serving.kit.expand import MAX_EXPANDED
from serving.kit.openapi import CONDITIONAL, guarded
from serving.portfolios.schemas import (
    DEMO_PORTFOLIO,
    PortfolioDetail,
    PortfolioIn,
    PortfolioOut,
    PortfolioPatch,
    PortfolioQuery,
)
from serving.portfolios.service import PortfolioService

TAG = "portfolios"

rows = router_of(
    Resource(
        prefix="portfolios",
        tag=TAG,
        noun="portfolio",
        plural="portfolios",
        service="portfolios",
        models=Models(PortfolioOut, PortfolioQuery, PortfolioIn, PortfolioPatch),
        read=Scope.PORTFOLIOS_READ,
        write=Scope.PORTFOLIOS_WRITE,
        operations=ALL - {"get"},
        notes={
            "create": "Its account is made with it unless `account_id` names one of yours; `Location` is its address.",
            "delete": "Only while nothing ever happened in it; an account that was made with it goes too.",
        },
    )
)
router = APIRouter(prefix="/api/v1/portfolios", tags=[TAG])


async def service_of(request: Request) -> PortfolioService:
    """The service that the wiring made."""
    service: PortfolioService = request.state.portfolios
    return service


Service = Annotated[PortfolioService, Depends(service_of)]
PortfolioId = Annotated[UUID, Path(description="id of the portfolio", examples=[DEMO_PORTFOLIO])]
Expandable = Literal["positions", "cash"]
Expand = Annotated[
    list[Expandable],
    Field(max_length=MAX_EXPANDED),
    Query(
        description="related objects to show inside the answer: cash, null otherwise, and positions, always there",
    ),
]
# A default_factory would have its signature inspected at each request, which takes longer than the read.
NOTHING: Final[list[Expandable]] = []


@router.get(
    "/{portfolio_id}",
    summary="Read a portfolio and its positions",
    operation_id="get_portfolio",
    response_model=PortfolioDetail,
    responses={**CONDITIONAL, **guarded(404)},
)
async def read_portfolio(
    portfolio_id: PortfolioId,
    service: Service,
    principal: Annotated[Principal, allowed(Scope.PORTFOLIOS_READ)],
    expand: Expand = NOTHING,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """What the portfolio holds now; `expand=cash` adds its money. Quantities are decimal strings; negative is short."""
    return conditional(await service.holding(principal, portfolio_id, expand), if_none_match)
