"""The table of bonds."""

from lakehouse.contracts.tables.resources import BOND
from serving.bonds.schemas import BondOut
from serving.kit.crud.collection import EVERYBODY, Collection

BONDS = Collection(
    BOND,
    BondOut,
    noun="bond",
    readable=EVERYBODY,
    writable=EVERYBODY,  # its routes ask for the scope of admins
    extra={
        "name": "(SELECT i.name FROM app.instrument AS i WHERE i.symbol = t.symbol)",
        "currency": "(SELECT i.currency FROM app.instrument AS i WHERE i.symbol = t.symbol)",
    },
    predicates={
        "issuer": "strpos(lower(t.issuer), lower(%(issuer)s)) > 0",
        "matures_from": "t.matures_on >= %(matures_from)s",
        "matures_to": "t.matures_on <= %(matures_to)s",
    },
)
