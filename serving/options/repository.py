"""The table of options."""

from lakehouse.contracts.tables.resources import OPTION_CONTRACT
from serving.kit.crud.collection import EVERYBODY, Collection
from serving.options.schemas import OptionOut

OPTIONS = Collection(
    OPTION_CONTRACT,
    OptionOut,
    noun="option",
    readable=EVERYBODY,
    writable=EVERYBODY,  # its routes ask for the scope of admins
    extra={
        "name": "(SELECT i.name FROM app.instrument AS i WHERE i.symbol = t.symbol)",
        "multiplier": "(SELECT i.multiplier FROM app.instrument AS i WHERE i.symbol = t.symbol)",
        "currency": "(SELECT i.currency FROM app.instrument AS i WHERE i.symbol = t.symbol)",
    },
    predicates={
        "expires_from": "t.expires_on >= %(expires_from)s",
        "expires_to": "t.expires_on <= %(expires_to)s",
    },
)
