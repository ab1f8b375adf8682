"""The rules that every resource of rows shares; a resource with rules of its own overrides the hooks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar
from uuid import UUID

from psycopg import DataError, IntegrityError, Rollback
from psycopg.errors import ForeignKeyViolation
from pydantic import BaseModel

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.stores.postgres import Transaction
from serving.kit import versions
from serving.kit.access import Principal
from serving.kit.constraints import refusal_of
from serving.kit.crud.collection import Out
from serving.kit.crud.listing import ListQuery, given_by, marker_of, place_of
from serving.kit.crud.repository import CrudRepository
from serving.kit.database import Database
from serving.kit.paging import next_path, split
from serving.kit.patch import MergePatch
from serving.kit.problems import ApiError

Create = TypeVar("Create", bound=BaseModel)
Row = dict[str, object]


class NotFound(ApiError):
    """No object has this id, or it belongs to somebody else."""

    status = 404
    code = "not_found"
    title = "No such object"


class StillNeeded(ApiError):
    """Something refers to the object, so it cannot be deleted."""

    status = 409
    code = "still_needed"
    title = "Something still refers to this"


@dataclass(frozen=True, slots=True)
class Rows(Generic[Out]):
    """A page before it is written: its rows, the next page's path (None on the last) and its own."""

    data: list[Out]
    next: str | None
    here: str


class CrudService(Generic[Create, Out]):
    """List, get, create, update, delete and batch of one collection."""

    # Columns that the service fills in when a row is written, where the table has them.
    STAMPS: ClassVar[tuple[str, ...]] = ("created_at", "updated_at")

    def __init__(self, database: Database, repository: CrudRepository[Out], clock: Clock) -> None:
        self.database = database
        self.repository = repository
        self.clock = clock

    # --- hooks -----------------------------------------------------------------------------------------------

    async def prepare(
        self, connection: Transaction, principal: Principal, items: Sequence[Create]
    ) -> list[Row | ApiError]:
        """The row of each item, or why it cannot be one. Ownership of what an item names is checked here."""
        return [{**item.model_dump(), "owner_id": principal.user_id} for item in items]

    async def change(self, connection: Transaction, principal: Principal, current: Out, changes: Row) -> Row:
        """The columns to set for a merge patch. Raises ApiError where it is against the rules."""
        return changes

    async def check_delete(self, connection: Transaction, principal: Principal, current: Out) -> None:
        """Raise ApiError where the object must stay."""

    def needed(self, current: Out) -> ApiError:
        """The refusal of a delete where a foreign key keeps the object."""
        return StillNeeded(f"Something refers to this {self.repository.collection.noun}: remove that first.")

    async def expand(self, principal: Principal, rows: Sequence[Out], names: Sequence[str]) -> list[Out]:
        """The rows with the related objects that were asked for; `names` are some of `Resource.expands`."""
        return list(rows)

    async def written(self, connection: Transaction, principal: Principal, action: str, rows: Sequence[Out]) -> None:
        """Called in the transaction after a write; `action` is created, updated or deleted."""

    # --- what endpoints call ---------------------------------------------------------------------------------

    async def page(self, principal: Principal, query: ListQuery, path: str) -> Rows[Out]:
        """A page. Raises CursorMismatch and PostgresUnavailable."""
        found = await self.repository.page(
            principal,
            filters=query.filters,
            order=query.order,
            after=place_of(query, path),
            limit=query.limit + 1,
        )
        rows, has_more = split(found, query.limit)
        given = given_by(query)
        following = next_path(path, given, self._marker(query, path, rows[-1])) if has_more else None
        shown = await self.expand(principal, rows, query.expanded) if query.expanded else list(rows)
        return Rows(shown, following, next_path(path, given, {**query.place}))

    async def detail(self, principal: Principal, row_id: UUID, expand: Sequence[str] = ()) -> Out:
        """The object. Raises NotFound."""
        found = await self.repository.find(principal, row_id)
        if found is None:
            raise self.missing(row_id)
        return (await self.expand(principal, [found], expand))[0] if expand else found

    async def create(self, principal: Principal, item: Create) -> Out:
        """The object, written. Raises ApiError."""
        async with self.database.transaction() as connection:
            row = (await self._rows(connection, principal, [item]))[0]
            if isinstance(row, ApiError):
                raise row
            return (await self._insert(connection, principal, [row]))[0]

    async def update(self, principal: Principal, row_id: UUID, patch: MergePatch, if_match: str | None) -> Out:
        """The object after a merge patch. Raises NotFound, VersionConflict and ApiError."""
        async with self.database.transaction() as connection:
            current = await self._locked(connection, principal, row_id, if_match)
            changes = await self.change(connection, principal, current, patch.changes())
            if not changes:
                return current
            await self.repository.update(connection, row_id, {**changes, **self._stamp("updated_at")})
            changed = await self.repository.read_back(connection, [row_id])
            await self.written(connection, principal, "updated", changed)
        return changed[0]

    async def delete(self, principal: Principal, row_id: UUID, if_match: str | None) -> None:
        """Remove the object. Raises NotFound, VersionConflict and ApiError."""
        async with self.database.transaction() as connection:
            current = await self._locked(connection, principal, row_id, if_match)
            await self.check_delete(connection, principal, current)
            await self._remove(connection, current, row_id)
            await self.written(connection, principal, "deleted", [current])

    async def batch(self, principal: Principal, items: Sequence[Create], *, atomic: bool) -> list[Out | ApiError]:
        """Each item's object or refusal, in order. If `atomic`, one refusal means that nothing was written."""
        async with self.database.transaction() as connection:
            rows = await self._rows(connection, principal, items)
            refused = [row for row in rows if isinstance(row, ApiError)]
            if refused and atomic:
                return [row if isinstance(row, ApiError) else Skipped() for row in rows]
            return await self._write_all(connection, principal, rows, atomic=atomic)

    def missing(self, row_id: UUID) -> ApiError:
        """The refusal for an id that is nobody's, or somebody else's."""
        return NotFound(f"There is no {self.repository.collection.noun} {row_id} of yours.")

    # --- inside ----------------------------------------------------------------------------------------------

    async def _rows(
        self, connection: Transaction, principal: Principal, items: Sequence[Create]
    ) -> list[Row | ApiError]:
        prepared = await self.prepare(connection, principal, items)
        ids = sorted(uuid7(self.clock) for _ in prepared)  # so that rows of one millisecond keep their order
        return [
            row if isinstance(row, ApiError) else {"id": made, **self._stamp(*self.STAMPS), **row}
            for made, row in zip(ids, prepared, strict=True)
        ]

    async def _insert(self, connection: Transaction, principal: Principal, rows: Sequence[Row]) -> list[Out]:
        await self.repository.insert(connection, rows)
        ids = [row["id"] for row in rows if isinstance(row["id"], UUID)]
        written = await self.repository.read_back(connection, ids)
        await self.written(connection, principal, "created", written)
        return written

    async def _write_all(
        self, connection: Transaction, principal: Principal, rows: Sequence[Row | ApiError], *, atomic: bool
    ) -> list[Out | ApiError]:
        """All rows by one COPY; where a constraint refuses that, by halves, to learn which rows it were."""
        good = [row for row in rows if not isinstance(row, ApiError)]
        async with connection.transaction() as savepoint:
            written = iter(await self._write_halves(connection, principal, good))
            outcome = [row if isinstance(row, ApiError) else next(written) for row in rows]
            if atomic and any(isinstance(each, ApiError) for each in outcome):
                outcome = [each if isinstance(each, ApiError) else Skipped() for each in outcome]
                raise Rollback(savepoint)
        return outcome

    async def _write_halves(
        self, connection: Transaction, principal: Principal, rows: Sequence[Row]
    ) -> list[Out | ApiError]:
        """Each row's object or refusal; a few refused among many cost their logarithm and not one write a row."""
        if not rows:
            return []
        try:
            async with connection.transaction():
                return list(await self._insert(connection, principal, rows))
        except (DataError, IntegrityError) as error:
            if len(rows) == 1:
                return [refusal_of(error)]
        middle = len(rows) // 2
        parts = [await self._write_halves(connection, principal, part) for part in (rows[:middle], rows[middle:])]
        return [each for part in parts for each in part]

    async def _remove(self, connection: Transaction, current: Out, row_id: UUID) -> None:
        try:
            await self.repository.delete(connection, row_id)
        except ForeignKeyViolation as error:
            raise self.needed(current) from error

    async def _locked(self, connection: Transaction, principal: Principal, row_id: UUID, if_match: str | None) -> Out:
        current = await self.repository.find_for_write(connection, principal, row_id)
        if current is None:
            raise self.missing(row_id)
        versions.check(if_match, version_of(current))
        return current

    def _stamp(self, *names: str) -> Row:
        known = self.repository.collection.table.column_names
        return {name: self.clock.now() for name in names if name in known}

    def _marker(self, query: ListQuery, path: str, last: Out) -> dict[str, str]:
        row = last.model_dump(mode="json")
        return marker_of(query, path, str(row[query.order.column]), UUID(row["id"]))


class Skipped(ApiError):
    """The item is right, but another one of the same atomic batch was refused, so nothing was written."""

    status = 409
    code = "batch_refused"
    title = "Another item of the batch was refused"

    def __init__(self) -> None:
        super().__init__("Mend or leave out the refused items, or send atomic: false.")


def version_of(row: BaseModel) -> int:
    """The version of an object that has one; 1 of any other."""
    return int(getattr(row, "version", 1))
