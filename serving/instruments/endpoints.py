"""Routes of instruments: they translate, the service decides."""

from serving.instruments.schemas import InstrumentIn, InstrumentOut, InstrumentPatch, InstrumentQuery
from serving.kit.access import Scope
from serving.kit.crud.routes import Models, Resource, router_of

TAG = "instruments"
ADMINS = "Admins only."

router = router_of(
    Resource(
        prefix="instruments",
        tag=TAG,
        noun="instrument",
        plural="instruments",
        service="instruments",
        models=Models(InstrumentOut, InstrumentQuery, InstrumentIn, InstrumentPatch),
        read=Scope.MARKET_READ,
        write=Scope.MARKET_WRITE,
        notes={
            "list": "Page by page: follow `next`, or the `Link` header. `?symbol=AAPL` looks one up by its symbol.",
            "create": f"{ADMINS} An import makes drafts of symbols that it does not find.",
            "update": f"{ADMINS} A merge patch. What was traded keeps its currency and multiplier "
            "(409); a draft's currency may be mended while nothing was paid in another one.",
            "delete": f"{ADMINS} Refused (409) while anything names it: set its status to `delisted` instead.",
            "batch": f"{ADMINS} All or none, or each for itself (`atomic: false`). A bare array is atomic and answers "
            "an array.",
        },
    )
)
