"""The rules of accounts: they are closed, not deleted, once they have a history; a new lot method folds it again."""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from lakehouse.clock import Clock
from lakehouse.domain.currency import CurrencyError, minor_digits
from lakehouse.stores.books.booking import BookingRefused, open_books, refold_all
from lakehouse.stores.postgres import Transaction
from serving.accounts.refusals import refusal_of_booking
from serving.accounts.repository import ACCOUNTS, AccountRepository
from serving.accounts.schemas import AccountIn, AccountOut, AccountStatus
from serving.audit.rows import record_rows
from serving.kit.access import Principal
from serving.kit.crud.service import CrudService, Row
from serving.kit.database import Database
from serving.kit.problems import AmountNotRepresentable, ApiError


class AccountHasHistory(ApiError):
    """Something was booked in the account, or a portfolio belongs to it, so that it cannot be deleted."""

    status = 409
    code = "account_has_history"
    title = "The account has a history"


class AccountNotEmpty(ApiError):
    """The account still holds money or units, so that it cannot be closed."""

    status = 409
    code = "account_not_empty"
    title = "The account is not empty"


class AccountService(CrudService[AccountIn, AccountOut]):
    """Accounts of the caller."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._accounts = AccountRepository(database, ACCOUNTS)
        super().__init__(database, self._accounts, clock)

    async def prepare(
        self, connection: Transaction, principal: Principal, items: Sequence[AccountIn]
    ) -> list[Row | ApiError]:
        """A row of each account whose currency the ledger knows."""
        return [_row(principal, item) for item in items]

    async def change(self, connection: Transaction, principal: Principal, current: AccountOut, changes: Row) -> Row:
        """Check that a closed account is empty, and fold again where the lot method or short selling changes."""
        if changes.get("status") == AccountStatus.CLOSED and current.status is AccountStatus.OPEN:
            await self._check_empty(connection, current)
        if current.portfolio_id is not None and changes.keys() & {"lot_method", "allows_short"}:
            books = await open_books(connection, current.portfolio_id, owner_id=principal.user_id)
            if books is not None:
                method = str(changes.get("lot_method", current.lot_method))
                allows_short = bool(changes.get("allows_short", current.allows_short))
                try:
                    changed = replace(books, lot_method=method, allows_short=allows_short)
                    await refold_all(connection, changed, clock=self.clock)
                except BookingRefused as refused:
                    raise refusal_of_booking(refused) from refused
        return {name: value.value if isinstance(value, StrEnum) else value for name, value in changes.items()}

    async def written(
        self, connection: Transaction, principal: Principal, action: str, rows: Sequence[AccountOut]
    ) -> None:
        """Every change is written to the audit log."""
        await record_rows(connection, principal, action, rows, kind="account", clock=self.clock)

    def needed(self, current: AccountOut) -> ApiError:
        """The refusal of a delete."""
        return AccountHasHistory(
            f'Close it instead: PATCH /api/v1/accounts/{current.id} with {{"status": "closed"}}, once it is empty.'
        )

    async def _check_empty(self, connection: Transaction, current: AccountOut) -> None:
        held = await self._accounts.held(connection, current.id)
        if held.currencies or held.positions:
            raise AccountNotEmpty(
                f"It holds {held.currencies} currencies and {held.positions} positions: take them out first."
            )


def _row(principal: Principal, item: AccountIn) -> Row | ApiError:
    try:
        minor_digits(item.base_currency)
    except CurrencyError as error:
        return AmountNotRepresentable(f"{error}.")
    return {**item.model_dump(mode="json"), "owner_id": principal.user_id}
