"""Routes of bonds: they translate, the service decides."""

from serving.bonds.schemas import BondIn, BondOut, BondPatch, BondQuery
from serving.kit.access import Scope
from serving.kit.crud.routes import Models, Resource, router_of

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
