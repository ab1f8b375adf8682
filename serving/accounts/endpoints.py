"""Routes of accounts: they translate, the service decides."""

from serving.accounts.schemas import AccountIn, AccountOut, AccountPatch, AccountQuery
from serving.kit.access import Scope
from serving.kit.crud.routes import Models, Resource, router_of

TAG = "accounts"

router = router_of(
    Resource(
        prefix="accounts",
        tag=TAG,
        noun="account",
        plural="accounts",
        service="accounts",
        models=Models(AccountOut, AccountQuery, AccountIn, AccountPatch),
        read=Scope.ACCOUNTS_READ,
        write=Scope.ACCOUNTS_WRITE,
        notes={
            "create": "An account without a portfolio; POST /api/v1/portfolios makes one together with its account.",
            "update": "A merge patch (RFC 7396). A new lot_method folds the portfolio's history again by it.",
            "delete": "Only while nothing was ever booked in it; close it (`status`) afterwards.",
        },
    )
)
