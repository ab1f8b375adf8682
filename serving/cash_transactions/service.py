"""Cash transactions: booked as transactions are, seen as movements of money."""

from lakehouse.clock import Clock
from lakehouse.portfolio.transactions import Draft
from serving.cash_transactions.repository import CASH_TRANSACTIONS
from serving.cash_transactions.schemas import CashTransactionIn, CashTransactionOut
from serving.kit.database import Database
from serving.kit.idempotency import Idempotency
from serving.transactions.drafts import draft_of
from serving.transactions.service import BookedService


class CashTransactionService(BookedService[CashTransactionOut]):
    """Deposits, withdrawals, interest, fees and taxes."""

    def __init__(self, database: Database, idempotency: Idempotency, clock: Clock) -> None:
        super().__init__(database, CASH_TRANSACTIONS, idempotency, clock)

    def draft(self, item: CashTransactionIn) -> Draft:
        """The draft of an item. Raises CurrencyError."""
        return draft_of(item)
