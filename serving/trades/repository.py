"""Reads of executions."""

from typing import Final, LiteralString

from lakehouse.contracts.tables.trading import FILL
from serving.kit.crud.collection import Collection
from serving.kit.crud.repository import CrudRepository
from serving.trades.schemas import TradeOut

READABLE: Final[LiteralString] = """
    (%(reads_all)s OR t.portfolio_id IN (SELECT p.id FROM app.portfolio AS p WHERE p.owner_id = %(reader)s))
"""
TRADES = Collection(
    FILL,
    TradeOut,
    noun="trade",
    readable=READABLE,
    writable="false",
    extra={
        "gross": """
            (SELECT round(t.gross_minor / 10::numeric ^ c.minor_digits, c.minor_digits)
             FROM ledger.currency AS c WHERE c.code = t.currency)
        """,
        "fee": """
            (SELECT round(t.fee_minor / 10::numeric ^ c.minor_digits, c.minor_digits)
             FROM ledger.currency AS c WHERE c.code = t.currency)
        """,
        "surveillance_score": "(SELECT o.surveillance_score FROM trading.order AS o WHERE o.id = t.order_id)",
        "surveillance_alert": "(SELECT o.surveillance_alert FROM trading.order AS o WHERE o.id = t.order_id)",
    },
    is_versioned=False,
)


class TradeRepository(CrudRepository[TradeOut]):
    """Executions. Every method raises PostgresUnavailable."""
