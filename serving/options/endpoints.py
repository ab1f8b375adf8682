"""Routes of options: they translate, the service decides."""

from serving.kit.access import Scope
from serving.kit.crud.routes import Models, Resource, router_of
from serving.options.schemas import OptionIn, OptionOut, OptionPatch, OptionQuery

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
