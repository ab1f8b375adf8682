"""The rules of portfolios: each has an account of its own, and is deleted only while nothing ever happened in it."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.domain.currency import CurrencyError, from_minor, minor_digits
from lakehouse.domain.ids import uuid7
from lakehouse.stores.books.outbox import Event, emit
from lakehouse.stores.postgres import Transaction
from serving.accounts.schemas import Balance
from serving.audit.rows import record_rows
from serving.kit.access import Principal
from serving.kit.crud.service import CrudService, NotFound, Row
from serving.kit.database import Database
from serving.kit.problems import AmountNotRepresentable, ApiError
from serving.portfolios.repository import NEW_ACCOUNT, PORTFOLIOS, AccountRow, CashRow, PortfolioRepository
from serving.portfolios.schemas import PortfolioDetail, PortfolioIn, PortfolioOut

TOPIC: Final = "portfolio.events"


class PortfolioNotFound(ApiError):
    """No portfolio has this id, or it is somebody else's."""

    status = 404
    code = "portfolio_not_found"
    title = "No such portfolio"

    def __init__(self, portfolio_id: UUID) -> None:
        super().__init__(f"There is no portfolio {portfolio_id}; GET /api/v1/portfolios lists those that exist.")


class PortfolioInUse(ApiError):
    """Something was booked or ordered in the portfolio, so that it cannot be deleted."""

    status = 409
    code = "portfolio_in_use"
    title = "The portfolio is not empty"


class AccountUnsuitable(ApiError):
    """The account cannot hold a portfolio's cash: it is a cash account, or closed."""

    status = 409
    code = "account_unsuitable"
    title = "The account cannot have a portfolio"


class PortfolioService(CrudService[PortfolioIn, PortfolioOut]):
    """Portfolios of the caller."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._portfolios = PortfolioRepository(database, PORTFOLIOS)
        super().__init__(database, self._portfolios, clock)

    async def prepare(
        self, connection: Transaction, principal: Principal, items: Sequence[PortfolioIn]
    ) -> list[Row | ApiError]:
        """A row of each portfolio, with a new account or one of the caller's own."""
        named = [item.account_id for item in items if item.account_id is not None]
        own = await self._portfolios.own_accounts(connection, principal.user_id, named) if named else {}
        return [self._row(principal, item, own) for item in items]

    async def check_delete(self, connection: Transaction, principal: Principal, current: PortfolioOut) -> None:
        """Positions would go with their portfolio: they keep it instead."""
        if current.position_count:
            raise self.needed(current)

    async def written(
        self, connection: Transaction, principal: Principal, action: str, rows: Sequence[PortfolioOut]
    ) -> None:
        """Announce the change; the account of a deleted portfolio goes with it if nothing was booked in it."""
        if action == "deleted":
            for row in rows:
                await self._portfolios.drop_account(connection, row)
        await emit(connection, *(self._event(action, row) for row in rows))
        await self.audit(connection, principal, action, rows)

    async def audit(
        self, connection: Transaction, principal: Principal, action: str, rows: Sequence[PortfolioOut]
    ) -> None:
        """Write the change to the audit log, last in the transaction."""
        await record_rows(connection, principal, action, rows, kind="portfolio", clock=self.clock)

    def missing(self, row_id: UUID) -> ApiError:
        """The refusal for an id that is nobody's, or somebody else's."""
        return PortfolioNotFound(row_id)

    def needed(self, current: PortfolioOut) -> ApiError:
        """The refusal of a delete."""
        return PortfolioInUse("Something happened in it, and history stays: rename it, or close its account.")

    async def readable_ids(self, principal: Principal) -> tuple[UUID, ...] | None:
        """Ids of the caller's portfolios; None for an admin, who reads all."""
        return None if principal.is_admin else await self._portfolios.ids(principal)

    async def require(self, principal: Principal, portfolio_id: UUID) -> PortfolioOut:
        """The portfolio without its positions. Raises PortfolioNotFound."""
        return await super().detail(principal, portfolio_id)

    async def holding(self, principal: Principal, portfolio_id: UUID, expand: Sequence[str]) -> PortfolioDetail:
        """The portfolio and what it holds. Raises PortfolioNotFound."""
        found = await self._portfolios.holding(principal, portfolio_id)
        if found is None:
            raise self.missing(portfolio_id)
        if "cash" in expand:
            found.cash = [_balance(row) for row in await self._portfolios.cash(portfolio_id)]
        return found

    def _row(self, principal: Principal, item: PortfolioIn, own: dict[UUID, AccountRow]) -> Row | ApiError:
        try:
            minor_digits(item.base_currency)
        except CurrencyError as error:
            return AmountNotRepresentable(f"{error}.")
        refusal = None if item.account_id is None else _unsuitable(item.account_id, own)
        if refusal is not None:
            return refusal
        made = uuid7(self.clock) if item.account_id is None else None
        row = {**item.model_dump(), "account_id": item.account_id or made, "owner_id": principal.user_id}
        return {**row, NEW_ACCOUNT: made}

    def _event(self, action: str, row: PortfolioOut) -> Event:
        return Event(
            event_id=uuid7(self.clock),
            topic=TOPIC,
            key=str(row.id),
            type=f"portfolio.{action}",
            owner_id=row.owner_id,
            payload={
                "portfolio_id": str(row.id),
                "account_id": str(row.account_id),
                "name": row.name,
                "base_currency": row.base_currency,
                "version": row.version,
            },
            occurred_at=self.clock.now(),
        )


def _unsuitable(account_id: UUID, own: dict[UUID, AccountRow]) -> ApiError | None:
    account = own.get(account_id)
    if account is None:
        return NotFound(f"There is no account {account_id} of yours; leave account_id out to get one.")
    if account.kind != "brokerage" or account.status != "open":
        return AccountUnsuitable(f"It is {account.status}, of kind {account.kind}: name an open brokerage account.")
    return None


def _balance(row: CashRow) -> Balance:
    balance, reserved = (from_minor(minor, row.currency) for minor in (row.balance_minor, row.reserved_minor))
    return Balance(
        currency=row.currency, balance=f"{balance:f}", reserved=f"{reserved:f}", available=f"{balance - reserved:f}"
    )
