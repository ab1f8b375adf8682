"""Route of findings: it translates, the service decides."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from serving.data_quality.schemas import FindingPage, FindingQuery
from serving.data_quality.service import FindingService
from serving.kit.access import Principal, Scope, allowed
from serving.kit.openapi import guarded
from serving.kit.paging import link_header

TAG = "data-quality"
router = APIRouter(prefix="/api/v1/data-quality", tags=[TAG])


async def service_of(request: Request) -> FindingService:
    """The service that the wiring made."""
    service: FindingService = request.state.data_quality
    return service


@router.get("", summary="List what was found in data", operation_id="list_data_quality", responses=guarded())
async def list_data_quality(
    query: Annotated[FindingQuery, Query()],
    request: Request,
    response: Response,
    service: Annotated[FindingService, Depends(service_of)],
    _: Annotated[Principal, allowed(Scope.MARKET_READ)],
) -> FindingPage:
    """Broken checks of published and refused outputs, and defects of daily bars: the newest first, page by page.

    `fail`: that output was not published. `warn`: it was, and somebody should look. A defect is listed once, by the
    run that saw it first.
    """
    page = await service.page(query, request.url.path)
    response.headers.update(link_header(page.next))
    return page
