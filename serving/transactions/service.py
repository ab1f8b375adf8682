"""The rules of transactions: booked once, changed in their remark alone, reversed where they were wrong."""

from collections.abc import Sequence
from typing import Any, Generic
from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from lakehouse.clock import Clock
from lakehouse.domain.currency import CurrencyError
from lakehouse.portfolio.transactions import Draft
from lakehouse.stores.postgres import Transaction
from serving.kit import versions
from serving.kit.access import Principal
from serving.kit.crud.batch import Batch, items_of, written_of
from serving.kit.crud.collection import Collection, Out
from serving.kit.crud.repository import CrudRepository
from serving.kit.crud.service import CrudService, version_of
from serving.kit.database import Database
from serving.kit.idempotency import Answer, Idempotency
from serving.kit.problems import AmountNotRepresentable, ApiError
from serving.transactions.booker import Booker, Wanted
from serving.transactions.drafts import AnyIn, draft_of
from serving.transactions.repository import TRANSACTIONS
from serving.transactions.schemas import TransactionOut

CREATED = 201


class BookedService(CrudService[Any, Out], Generic[Out]):
    """Rows of app.transaction: read like any, written by the books. Subclasses say what an item's draft is."""

    def __init__(self, database: Database, collection: Collection[Out], idempotency: Idempotency, clock: Clock) -> None:
        super().__init__(database, CrudRepository(database, collection), clock)
        self._idempotency = idempotency
        self._booker = Booker(clock)

    def draft(self, item: Any) -> Draft:
        """The draft of an item. Raises CurrencyError."""
        raise NotImplementedError

    async def detail(self, principal: Principal, row_id: UUID, expand: Sequence[str] = ()) -> Out:
        """The transaction while it counts; the list shows reversed ones. Raises NotFound."""
        found = await super().detail(principal, row_id, expand)
        if getattr(found, "reversed_at", None) is not None:
            raise self.missing(row_id)
        return found

    async def book(self, request: Request, principal: Principal, key: str, item: Any) -> Response:
        """The answer to a booking, made once a key. Raises ApiError."""

        async def effect(connection: Transaction) -> Answer:
            wanted = self._wanted(item)
            if isinstance(wanted, ApiError):
                raise wanted
            made = await self._booker.one(connection, principal, wanted)
            out = (await self.repository.read_back(connection, [made]))[0]
            headers = {"Location": f"{request.url.path}/{made}", "ETag": versions.etag(version_of(out))}
            return Answer(CREATED, out.model_dump_json().encode(), headers)

        return await self._idempotency.once(request, principal, key, effect)

    async def book_many(
        self, request: Request, principal: Principal, key: str, body: Batch[Any] | list[Any]
    ) -> Response:
        """The answer to a batch, made once a key. Raises ApiError."""
        items, atomic = items_of(body)

        async def effect(connection: Transaction) -> Answer:
            wanted = [self._wanted(item) for item in items]
            outcome = await self._booker.many(connection, principal, wanted, atomic=atomic)
            made = [each for each in outcome if isinstance(each, UUID)]
            written = iter(await self.repository.read_back(connection, made) if made else [])
            shown: list[Out | ApiError] = [each if isinstance(each, ApiError) else next(written) for each in outcome]
            return Answer(CREATED, written_of(body, shown))

        return await self._idempotency.once(request, principal, key, effect)

    async def delete(self, principal: Principal, row_id: UUID, if_match: str | None) -> None:
        """Reverse the transaction. Raises NotFound, VersionConflict and ApiError."""
        current = await super().detail(principal, row_id)
        async with self.database.transaction() as connection:
            # The account first, then the row: every write of the books locks in this order.
            books = await self._booker.open(connection, principal, _portfolio_of(current))
            await self._locked(connection, principal, row_id, if_match)
            await self._booker.undo(connection, principal, books, row_id)

    def _wanted(self, item: Any) -> Wanted | ApiError:
        try:
            return Wanted(item.portfolio_id, self.draft(item))
        except CurrencyError as error:
            return AmountNotRepresentable(f"{error}.")


class TransactionService(BookedService[TransactionOut]):
    """Transactions of every kind."""

    def __init__(self, database: Database, idempotency: Idempotency, clock: Clock) -> None:
        super().__init__(database, TRANSACTIONS, idempotency, clock)

    def draft(self, item: AnyIn) -> Draft:
        """The draft of an item. Raises CurrencyError."""
        return draft_of(item)


def _portfolio_of(row: object) -> UUID:
    found = getattr(row, "portfolio_id", None)
    if not isinstance(found, UUID):
        raise TypeError(f"{type(row).__name__} does not say which portfolio it belongs to")
    return found
