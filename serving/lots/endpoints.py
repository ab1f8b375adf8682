"""Routes of lots: they translate, the service decides."""

from serving.kit.access import Scope
from serving.kit.crud.routes import Models, Resource, router_of
from serving.lots.schemas import LotOut, LotQuery

TAG = "lots"

router = router_of(
    Resource(
        prefix="lots",
        tag=TAG,
        noun="lot",
        plural="lots",
        service="lots",
        models=Models(LotOut, LotQuery),
        read=Scope.PORTFOLIOS_READ,
        write=Scope.PORTFOLIOS_WRITE,
        operations=frozenset({"list", "get"}),
        notes={
            "list": "Open lots, page by page: what each purchase still holds, by the lot method of the account.",
            "get": "An open lot; a closed one is gone.",
        },
    )
)
