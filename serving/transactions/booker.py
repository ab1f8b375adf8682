"""Bookings that callers ask for: each in a portfolio of their own, one by one or many at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import DataError, IntegrityError, Rollback

from lakehouse.clock import Clock
from lakehouse.portfolio.transactions import Draft
from lakehouse.stores.books.booking import BookingRefused, Books, book, open_books, open_many, reverse
from lakehouse.stores.postgres import Transaction
from serving.accounts.refusals import refusal_of_booking
from serving.audit import log
from serving.kit.access import Principal
from serving.kit.constraints import refusal_of
from serving.kit.crud.service import Skipped
from serving.kit.problems import ApiError
from serving.portfolios.service import PortfolioNotFound

OBJECT = "transaction"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A draft for a portfolio."""

    portfolio_id: UUID
    draft: Draft


class Booker:
    """Writes of transactions inside the caller's transaction, each of them audited."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def one(self, connection: Transaction, principal: Principal, wanted: Wanted) -> UUID:
        """Book one draft and return its id. Raises PortfolioNotFound, ApiError and IntegrityError."""
        books = await self.open(connection, principal, wanted.portfolio_id)
        made = (await self._book(connection, books, [wanted.draft]))[0]
        await self._audit(connection, principal, "book", [made])
        return made

    async def many(
        self, connection: Transaction, principal: Principal, items: Sequence[Wanted | ApiError], *, atomic: bool
    ) -> list[UUID | ApiError]:
        """Each draft's id or refusal, in order. If `atomic`, one refusal means that nothing was written."""
        ids = {item.portfolio_id for item in items if isinstance(item, Wanted)}
        opened = await open_many(connection, ids, owner_id=principal.user_id)
        checked = [_checked(item, opened) for item in items]
        if atomic and any(isinstance(each, ApiError) for each in checked):
            return [each if isinstance(each, ApiError) else Skipped() for each in checked]
        outcome = await self._all(connection, opened, checked, atomic=atomic)
        made = [each for each in outcome if isinstance(each, UUID)]
        if made:
            await self._audit(connection, principal, "book", made)
        return outcome

    async def open(self, connection: Transaction, principal: Principal, portfolio_id: UUID) -> Books:
        """The books of a portfolio of the caller, locked. Raises PortfolioNotFound."""
        books = await open_books(connection, portfolio_id, owner_id=principal.user_id)
        if books is None:
            raise PortfolioNotFound(portfolio_id)
        return books

    async def undo(self, connection: Transaction, principal: Principal, books: Books, row_id: UUID) -> None:
        """Reverse a transaction of opened books. Raises ApiError and IntegrityError."""
        try:
            await reverse(connection, books, row_id, clock=self._clock)
        except BookingRefused as refused:
            raise refusal_of_booking(refused) from refused
        await self._audit(connection, principal, "reverse", [row_id])

    async def _all(
        self,
        connection: Transaction,
        opened: dict[UUID, Books],
        items: Sequence[Wanted | ApiError],
        *,
        atomic: bool,
    ) -> list[UUID | ApiError]:
        """All drafts of a portfolio at once; where that is refused, one by one, to learn which it was."""
        try:
            async with connection.transaction():
                return await self._together(connection, opened, items)
        except (ApiError, DataError, IntegrityError):
            async with connection.transaction() as savepoint:
                outcome = [await self._alone(connection, opened, item) for item in items]
                if atomic and any(isinstance(each, ApiError) for each in outcome):
                    outcome = [each if isinstance(each, ApiError) else Skipped() for each in outcome]
                    raise Rollback(savepoint) from None
        return outcome

    async def _together(
        self, connection: Transaction, opened: dict[UUID, Books], items: Sequence[Wanted | ApiError]
    ) -> list[UUID | ApiError]:
        outcome: list[UUID | ApiError] = [item if isinstance(item, ApiError) else Skipped() for item in items]
        for portfolio_id, books in opened.items():
            places = [
                (place, item.draft)
                for place, item in enumerate(items)
                if isinstance(item, Wanted) and item.portfolio_id == portfolio_id
            ]
            made = await self._book(connection, books, [draft for _, draft in places])
            for (place, _), each in zip(places, made, strict=True):
                outcome[place] = each
        return outcome

    async def _alone(
        self, connection: Transaction, opened: dict[UUID, Books], item: Wanted | ApiError
    ) -> UUID | ApiError:
        if isinstance(item, ApiError):
            return item
        try:
            async with connection.transaction():
                return (await self._book(connection, opened[item.portfolio_id], [item.draft]))[0]
        except (DataError, IntegrityError) as error:
            return refusal_of(error)
        except ApiError as refused:
            return refused

    async def _book(self, connection: Transaction, books: Books, drafts: Sequence[Draft]) -> list[UUID]:
        try:
            return await book(connection, books, drafts, clock=self._clock)
        except BookingRefused as refused:
            raise refusal_of_booking(refused) from refused

    async def _audit(self, connection: Transaction, principal: Principal, deed: str, ids: Sequence[UUID]) -> None:
        told = [str(each) for each in ids]
        after = {"ids": told} if len(told) > 1 else None
        await log.record(
            connection,
            principal,
            f"{OBJECT}.{deed}",
            clock=self._clock,
            object_kind=OBJECT,
            object_id=told[0],
            after=after,
        )


def _checked(item: Wanted | ApiError, opened: dict[UUID, Books]) -> Wanted | ApiError:
    if isinstance(item, Wanted) and item.portfolio_id not in opened:
        return PortfolioNotFound(item.portfolio_id)
    return item
