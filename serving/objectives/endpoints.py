"""Routes of objectives: they translate, the service decides."""

from serving.kit.access import Scope
from serving.kit.crud.routes import Models, Resource, router_of
from serving.objectives.schemas import ObjectiveIn, ObjectiveOut, ObjectivePatch, ObjectiveQuery

TAG = "objectives"

router = router_of(
    Resource(
        prefix="objectives",
        tag=TAG,
        noun="objective",
        plural="objectives",
        service="objectives",
        models=Models(ObjectiveOut, ObjectiveQuery, ObjectiveIn, ObjectivePatch),
        read=Scope.PORTFOLIOS_READ,
        write=Scope.PORTFOLIOS_WRITE,
        notes={
            "create": "A portfolio has one objective at most. Its `allocation_status` is `pending` until weights were "
            "computed for it.",
            "update": "A merge patch (RFC 7396). What weights depend on sets `allocation_status` back to `pending`.",
            "delete": "The portfolio stays and is rebalanced no more.",
        },
    )
)
