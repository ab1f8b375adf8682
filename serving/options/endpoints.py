"""Routes of options: they translate, the service decides."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query, Request

from serving.kit.access import Principal, Scope, allowed
from serving.kit.crud.routes import Models, Resource, router_of
from serving.kit.openapi import guarded
from serving.options.schemas import OptionIn, OptionOut, OptionPatch, OptionQuery, OptionValuation, OptionValuationQuery
from serving.options.service import OptionService

TAG = "options"

router = router_of(
    Resource(
        prefix="options",
        tag=TAG,
        noun="option",
        plural="options",
        service="options",
        models=Models(OptionOut, OptionQuery, OptionIn, OptionPatch),
        read=Scope.MARKET_READ,
        write=Scope.MARKET_WRITE,
        notes={
            "list": "`?underlying=AAPL&sort=expires_on` is a chain. Follow `next`, or the `Link` header.",
            "create": "Admins only. The instrument comes first, with the kind `option` and the contract's multiplier.",
            "delete": "Admins only. The instrument stays.",
        },
    )
)


async def _service(request: Request) -> OptionService:
    service: OptionService = request.state.options
    return service


@router.get("/{option_id}/valuation", summary="Value an option", responses=guarded(404, 409))
async def value_option(
    option_id: Annotated[UUID, Path(description="id of the option")],
    query: Annotated[OptionValuationQuery, Query()],
    service: Annotated[OptionService, Depends(_service)],
    principal: Annotated[Principal, allowed(Scope.MARKET_READ)],
) -> OptionValuation:
    """Price and Greeks in a market that you name, by Black, Scholes and Merton or, for american style, by the method of
    Andersen, Lake and Offengenden. 409 `not_priceable` after its expiry."""
    return await service.value(principal, option_id, query)
