"""The cash view of the table of transactions."""

from typing import Final, LiteralString

from lakehouse.contracts.tables.books import TRANSACTION
from serving.cash_transactions.schemas import CashTransactionOut
from serving.kit.crud.collection import Collection
from serving.transactions.repository import AMOUNTS, PERIOD, READABLE, WRITABLE

CASH_KINDS: Final[LiteralString] = " AND t.kind IN ('deposit', 'withdrawal', 'interest', 'fee', 'tax')"
CASH_TRANSACTIONS = Collection(
    TRANSACTION,
    CashTransactionOut,
    noun="cash transaction",
    readable=READABLE + CASH_KINDS,
    writable=WRITABLE + CASH_KINDS,
    extra=AMOUNTS,
    predicates=PERIOD,
)
