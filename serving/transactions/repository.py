"""The table of transactions as the API reads it; `lakehouse.stores.books` writes it."""

from typing import Final, LiteralString

from lakehouse.contracts.tables.books import TRANSACTION
from serving.kit.crud.collection import Collection
from serving.transactions.schemas import TransactionOut

READABLE: Final[LiteralString] = """
    t.portfolio_id IN (SELECT p.id FROM app.portfolio AS p WHERE %(reads_all)s OR p.owner_id = %(reader)s)
"""
WRITABLE: Final[LiteralString] = """
    t.reversed_at IS NULL
    AND t.portfolio_id IN (SELECT p.id FROM app.portfolio AS p WHERE p.owner_id = %(reader)s)
"""
# Amounts are written with the digits of their currency.
AMOUNTS: Final[dict[str, LiteralString]] = {
    "gross": """(
        SELECT round(t.gross_minor / power(10::numeric, c.minor_digits), c.minor_digits)::text
        FROM ledger.currency AS c WHERE c.code = t.currency)""",
    "cash": """(
        SELECT round(t.cash_minor / power(10::numeric, c.minor_digits), c.minor_digits)::text
        FROM ledger.currency AS c WHERE c.code = t.currency)""",
    "fee": """(
        SELECT round(t.fee_minor / power(10::numeric, c.minor_digits), c.minor_digits)::text
        FROM ledger.currency AS c WHERE c.code = t.currency)""",
    "tax": """(
        SELECT round(t.tax_minor / power(10::numeric, c.minor_digits), c.minor_digits)::text
        FROM ledger.currency AS c WHERE c.code = t.currency)""",
    "received": """(
        SELECT round(t.to_minor / power(10::numeric, c.minor_digits), c.minor_digits)::text
        FROM ledger.currency AS c WHERE c.code = t.to_currency)""",
}
PERIOD: Final[dict[str, LiteralString]] = {
    "occurred_from": "t.occurred_at >= %(occurred_from)s::date::timestamp AT TIME ZONE 'UTC'",
    "occurred_to": "t.occurred_at < (%(occurred_to)s::date + 1)::timestamp AT TIME ZONE 'UTC'",
    "reversed": "(t.reversed_at IS NOT NULL) = %(reversed)s",
    "currency": "%(currency)s IN (t.currency, t.to_currency)",
}
TRANSACTIONS = Collection(
    TRANSACTION,
    TransactionOut,
    noun="transaction",
    readable=READABLE,
    writable=WRITABLE,
    extra=AMOUNTS,
    predicates=PERIOD,
)
