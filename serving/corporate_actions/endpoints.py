"""Route of corporate actions: it translates, the service decides."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from serving.corporate_actions.schemas import ActionPage, ActionQuery
from serving.corporate_actions.service import ActionService
from serving.kit.access import Principal, Scope, allowed
from serving.kit.openapi import guarded
from serving.kit.paging import link_header

TAG = "corporate-actions"
router = APIRouter(prefix="/api/v1/corporate-actions", tags=[TAG])


async def service_of(request: Request) -> ActionService:
    """The service that the wiring made."""
    service: ActionService = request.state.corporate_actions
    return service


@router.get("", summary="List corporate actions", operation_id="list_corporate_actions", responses=guarded())
async def list_corporate_actions(
    query: Annotated[ActionQuery, Query()],
    request: Request,
    response: Response,
    service: Annotated[ActionService, Depends(service_of)],
    _: Annotated[Principal, allowed(Scope.MARKET_READ)],
) -> ActionPage:
    """Splits, spin-offs and dividends, the one applied last first, page by page.

    Your own bookings of an action are transactions whose `external_id` is `corporate-action:` and its id.
    """
    page = await service.page(query, request.url.path)
    response.headers.update(link_header(page.next))
    return page
