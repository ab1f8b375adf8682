"""The cash view of the table of transactions."""

from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.contracts.tables.books import TRANSACTION
from lakehouse.stores.postgres import Transaction
from serving.cash_transactions.schemas import CashTransactionOut
from serving.kit.crud.collection import Collection
from serving.kit.database import find_in
from serving.transactions.repository import AMOUNTS, PERIOD, READABLE, WRITABLE

CASH_KINDS: Final[LiteralString] = " AND t.kind IN ('deposit', 'withdrawal', 'interest', 'fee', 'tax', 'conversion')"
CASH_TRANSACTIONS = Collection(
    TRANSACTION,
    CashTransactionOut,
    noun="cash transaction",
    readable=READABLE + CASH_KINDS,
    writable=WRITABLE + CASH_KINDS,
    extra=AMOUNTS,
    predicates=PERIOD,
)
PORTFOLIO: Final[LiteralString] = """
    SELECT p.id AS portfolio_id FROM app.account AS a LEFT JOIN app.portfolio AS p ON p.account_id = a.id
    WHERE a.id = %(account_id)s AND a.owner_id = %(owner_id)s
"""


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """An account of the caller; `portfolio_id` is None where it has no portfolio."""

    portfolio_id: UUID | None


async def own_account(connection: Transaction, account_id: UUID, owner_id: UUID) -> OwnAccount | None:
    """The account, if it is the owner's."""
    return await find_in(connection, PORTFOLIO, {"account_id": account_id, "owner_id": owner_id}, OwnAccount)
