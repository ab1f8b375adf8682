"""Routes of customers: they translate, the service decides."""

from serving.customers.schemas import CustomerIn, CustomerOut, CustomerPatch, CustomerQuery
from serving.kit.access import Scope
from serving.kit.crud.routes import Models, Resource, router_of

TAG = "customers"

router = router_of(
    Resource(
        prefix="customers",
        tag=TAG,
        noun="customer",
        plural="customers",
        service="customers",
        models=Models(CustomerOut, CustomerQuery, CustomerIn, CustomerPatch),
        read=Scope.CUSTOMERS_READ,
        write=Scope.CUSTOMERS_WRITE,
        notes={
            "create": "The answer carries `ai_identity_score` and what each rule gave. The document's number is judged "
            "and forgotten: only its last characters are kept.",
            "update": "A merge patch; the score is computed anew. A document is given whole.",
        },
    )
)
