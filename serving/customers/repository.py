"""The table of customers as the API shows it."""

from lakehouse.contracts.tables.payments import CUSTOMER
from serving.customers.schemas import CustomerOut
from serving.kit.crud.collection import Collection

DOCUMENT = """
    CASE WHEN t.document_type IS NOT NULL THEN jsonb_build_object(
        'type', t.document_type, 'country', t.document_country, 'last4', t.document_last4, 'check', t.document_check
    ) END
"""

CUSTOMERS = Collection(
    CUSTOMER,
    CustomerOut,
    noun="customer",
    extra={"document": DOCUMENT},
    predicates={
        "name": "strpos(lower(t.name), lower(%(name)s)) > 0",
        "email": "t.email = lower(%(email)s)",
    },
)
