"""Routes of assets: they translate, the service decides."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from serving.assets.schemas import AssetDetail, AssetPage, AssetQuery
from serving.assets.service import AssetService
from serving.kit.access import Principal, Scope, allowed
from serving.kit.conditional import IfNoneMatch, conditional
from serving.kit.openapi import CONDITIONAL, LINKED, guarded
from serving.kit.paging import link_header

TAG = "assets"
router = APIRouter(prefix="/api/v1/assets", tags=[TAG])


async def service_of(request: Request) -> AssetService:
    """The service that the wiring made."""
    service: AssetService = request.state.assets
    return service


Service = Annotated[AssetService, Depends(service_of)]
Reader = Annotated[Principal, allowed(Scope.PORTFOLIOS_READ)]
AssetId = Annotated[UUID, Path(description="id of the asset: that of its instrument")]


@router.get("", summary="List what you hold", responses={**LINKED, **guarded()})
async def list_assets(
    query: Annotated[AssetQuery, Query()], request: Request, response: Response, service: Service, principal: Reader
) -> AssetPage:
    """Each instrument once, with units, cost and value over all of your portfolios.

    Assets are computed from transactions: they cannot be written. For an admin these are the assets of everybody.
    """
    page, here = await service.page(principal, query, request.url.path)
    response.headers.update(link_header(page.next, here))
    return page


@router.get(
    "/{asset_id}",
    summary="Read what you hold of an instrument",
    response_model=AssetDetail,
    responses={**CONDITIONAL, **guarded(404)},
)
async def get_asset(
    asset_id: AssetId, service: Service, principal: Reader, if_none_match: IfNoneMatch = None
) -> Response:
    """The asset, with each portfolio that holds it."""
    return conditional(await service.detail(principal, asset_id), if_none_match)
