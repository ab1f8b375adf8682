"""Queries of lists: page size, place, order; shared by every resource."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from serving.kit.paging import CURSOR_PATTERN, decode_cursor, encode_cursor, mismatch
from serving.kit.types import Optionally

NOT_FILTERS = frozenset({"starting_after", "cursor", "limit", "sort", "expand"})


class ListQuery(BaseModel):
    """Base of a list's query; subclasses add filters and the sorts that they allow, as an enumeration `sort`."""

    model_config = ConfigDict(extra="forbid")

    starting_after: Optionally[UUID] = Field(None, description="id after which the page starts, in the order of ids")
    cursor: Optionally[Annotated[str, Field(pattern=CURSOR_PATTERN)]] = Field(
        None, description="where the page starts in any other order, from `next` of the page before"
    )
    limit: int = Field(50, ge=1, le=200, description="rows on a page")

    @property
    def order(self) -> "Order":
        """The order that was asked for: by id unless the subclass has a `sort`."""
        asked = str(getattr(self, "sort", None) or "id")
        return Order(asked.removeprefix("-"), descending=asked.startswith("-"))

    @property
    def filters(self) -> dict[str, object]:
        """The filters that were given."""
        return {name: value for name, value in self if name not in NOT_FILTERS and value not in (None, [])}

    @property
    def expanded(self) -> tuple[str, ...]:
        """What `expand` names, where the subclass has it."""
        return tuple(getattr(self, "expand", ()))

    @property
    def place(self) -> dict[str, str]:
        """The parameters of where the page starts, as they were given."""
        given = {"starting_after": self.starting_after, "cursor": self.cursor}
        return {name: str(value) for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Order:
    """A column, ascending or not; rows of equal value follow each other by id."""

    column: str
    descending: bool

    @property
    def text(self) -> str:
        return f"-{self.column}" if self.descending else self.column


def given_by(query: ListQuery) -> dict[str, object]:
    """The parameters of a list but its place, for paths of its pages."""
    order = None if query.order.text == "id" else query.order.text
    return {**query.filters, "limit": query.limit, "sort": order, "expand": list(query.expanded) or None}


def scope_of(path: str, query: ListQuery) -> str:
    """What a cursor belongs to: the list, its filters and its order."""
    given = sorted((name, str(value)) for name, value in query.filters.items())
    return f"{path}?{given}&{query.order.text}"


def place_of(query: ListQuery, path: str) -> tuple[str, UUID] | None:
    """The sort value (as text) and id after which the page starts; None at the start.

    Raises CursorMismatch for a cursor of another list, and where the place does not fit the order.
    """
    if query.cursor is not None:
        parts = decode_cursor(query.cursor, scope_of(path, query))
        if len(parts) != 2:
            raise mismatch()
        try:
            return parts[0], UUID(parts[1])
        except ValueError as error:
            raise mismatch() from error
    if query.starting_after is None:
        return None
    if query.order.column != "id":
        raise mismatch()
    return str(query.starting_after), query.starting_after


def marker_of(query: ListQuery, path: str, value: str, last: UUID) -> dict[str, str]:
    """The parameter of the next page."""
    if query.order.column == "id":
        return {"starting_after": str(last)}
    return {"cursor": encode_cursor([value, str(last)], scope_of(path, query))}
