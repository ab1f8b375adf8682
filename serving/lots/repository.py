"""The table of open lots."""

from lakehouse.contracts.tables.books import LOT
from serving.kit.crud.collection import Collection
from serving.lots.schemas import LotOut
from serving.transactions.repository import READABLE

LOTS = Collection(
    LOT,
    LotOut,
    noun="lot",
    readable=READABLE,
    writable="false",
    extra={
        "cost": """(
        SELECT round(t.cost_minor / power(10::numeric, c.minor_digits), c.minor_digits)::text
        FROM ledger.currency AS c WHERE c.code = t.currency)"""
    },
    is_versioned=False,
)
