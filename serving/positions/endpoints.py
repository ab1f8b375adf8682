"""Routes of positions: they translate, the service decides."""

from serving.kit.access import Scope
from serving.kit.crud.routes import Models, Resource, router_of
from serving.positions.schemas import PositionOut, PositionQuery

TAG = "positions"

router = router_of(
    Resource(
        prefix="positions",
        tag=TAG,
        noun="position",
        plural="positions",
        service="positions",
        models=Models(PositionOut, PositionQuery),
        read=Scope.PORTFOLIOS_READ,
        write=Scope.PORTFOLIOS_WRITE,
        operations=frozenset({"list", "get"}),
        notes={
            "list": "Positions, page by page: the fold of the transactions, which alone change them.",
            "get": "A position; one that was sold off is gone.",
        },
    )
)
