"""Routes of bonds: they translate, the service decides."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query, Request

from serving.bonds.schemas import BondIn, BondOut, BondPatch, BondQuery, BondValuation, BondValuationQuery
from serving.bonds.service import BondService
from serving.kit.access import Principal, Scope, allowed
from serving.kit.crud.routes import Models, Resource, router_of
from serving.kit.openapi import guarded

TAG = "bonds"

router = router_of(
    Resource(
        prefix="bonds",
        tag=TAG,
        noun="bond",
        plural="bonds",
        service="bonds",
        models=Models(BondOut, BondQuery, BondIn, BondPatch),
        read=Scope.MARKET_READ,
        write=Scope.MARKET_WRITE,
        notes={
            "create": "Admins only. The instrument comes first: POST /api/v1/instruments with the kind `bond`.",
            "delete": "Admins only. The instrument stays.",
        },
    )
)


async def _service(request: Request) -> BondService:
    service: BondService = request.state.bonds
    return service


@router.get("/{bond_id}/valuation", summary="Value a bond", responses=guarded(404, 409))
async def value_bond(
    bond_id: Annotated[UUID, Path(description="id of the bond")],
    query: Annotated[BondValuationQuery, Query()],
    service: Annotated[BondService, Depends(_service)],
    principal: Annotated[Principal, allowed(Scope.MARKET_READ)],
) -> BondValuation:
    """Yield to maturity, accrued interest, duration, convexity and DV01 at a clean price. 409 `not_priceable` where the
    bond is not outstanding on the day or no yield gives the price. The issuer's right to repay early is not valued."""
    return await service.value(principal, bond_id, query)
