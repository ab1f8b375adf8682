"""The table of accounts, with what the ledger says they hold."""

from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.contracts.tables.books import ACCOUNT
from lakehouse.stores.postgres import Transaction
from serving.accounts.schemas import AccountOut
from serving.kit.crud.collection import Collection
from serving.kit.crud.repository import CrudRepository
from serving.kit.database import find_in

# Of an account `a`, as JSON: amounts are written with the digits of their currency.
BALANCES: Final[LiteralString] = """
    coalesce((
        SELECT jsonb_agg(jsonb_build_object(
            'currency', l.currency,
            'balance', round(l.balance_minor / power(10::numeric, c.minor_digits), c.minor_digits)::text,
            'reserved', round(l.reserved_minor / power(10::numeric, c.minor_digits), c.minor_digits)::text,
            'available', round((l.balance_minor - l.reserved_minor) / power(10::numeric, c.minor_digits),
                               c.minor_digits)::text
        ) ORDER BY l.currency)
        FROM ledger.account AS l JOIN ledger.currency AS c ON c.code = l.currency
        WHERE l.purpose IN ('cash', 'coin') AND l.account_id = """
ACCOUNTS = Collection(
    ACCOUNT,
    AccountOut,
    noun="account",
    extra={
        "portfolio_id": "(SELECT p.id FROM app.portfolio AS p WHERE p.account_id = t.id)",
        "balances": BALANCES + "t.id), '[]')",
    },
    predicates={"name": "strpos(lower(t.name), lower(%(name)s)) > 0"},
)
HOLDINGS: Final[LiteralString] = """
    SELECT (SELECT count(*) FROM ledger.account AS l
            WHERE l.account_id = %(id)s AND l.purpose IN ('cash', 'coin')
              AND (l.balance_minor <> 0 OR l.reserved_minor <> 0)) AS currencies,
           (SELECT count(*) FROM app.position AS x JOIN app.portfolio AS p ON p.id = x.portfolio_id
            WHERE p.account_id = %(id)s) AS positions
"""


@dataclass(frozen=True, slots=True)
class Held:
    """How many currencies and positions an account still has."""

    currencies: int
    positions: int


class AccountRepository(CrudRepository[AccountOut]):
    """Accounts. Every method raises PostgresUnavailable."""

    async def held(self, connection: Transaction, account_id: UUID) -> Held:
        """What the account holds; its row is locked by the caller."""
        return await find_in(connection, HOLDINGS, {"id": account_id}, Held) or Held(0, 0)
