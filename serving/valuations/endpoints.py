"""Routes of valuations: they translate, the service decides."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from serving.kit.access import Principal, Scope, allowed
from serving.kit.openapi import guarded
from serving.kit.paging import link_header
from serving.valuations.schemas import ComputeIn, ComputeOut, ValuationOut, ValuationPage, ValuationQuery
from serving.valuations.service import ValuationService

TAG = "valuations"
router = APIRouter(prefix="/api/v1/valuations", tags=[TAG])


async def service_of(request: Request) -> ValuationService:
    """The service that the wiring made."""
    service: ValuationService = request.state.valuations
    return service


Service = Annotated[ValuationService, Depends(service_of)]
ValuationId = Annotated[UUID, Path(description="id of the valuation")]
Reader = Annotated[Principal, allowed(Scope.PORTFOLIOS_READ)]


@router.get("", summary="List valuations", responses=guarded())
async def list_valuations(
    query: Annotated[ValuationQuery, Query()],
    request: Request,
    response: Response,
    service: Service,
    principal: Reader,
) -> ValuationPage:
    """Valuations by id, page by page. They are computed; POST /api/v1/valuations/compute makes them."""
    page = await service.page(principal, query, request.url.path)
    response.headers.update(link_header(page.next))
    return page


@router.post("/compute", summary="Compute the valuations of a span of days", responses=guarded(404, 409))
async def compute_valuations(
    body: ComputeIn, service: Service, principal: Annotated[Principal, allowed(Scope.PORTFOLIOS_WRITE)]
) -> ComputeOut:
    """Value a portfolio of yours at the close of each day and keep the values; days valued before are valued anew.

    A missing price or rate makes the value of that day null, with the symbols in `reasons`.
    """
    return await service.compute(principal, body)


@router.get("/{valuation_id}", summary="Read a valuation", responses=guarded(404))
async def read_valuation(valuation_id: ValuationId, service: Service, principal: Reader) -> ValuationOut:
    """One day of one portfolio."""
    return await service.find(principal, valuation_id)
