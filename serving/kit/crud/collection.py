"""What a resource of rows is: its table, owner, filters and sorts; statements are composed from its contract."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, LiteralString, TypeVar

from psycopg import sql
from pydantic import BaseModel

from lakehouse.contracts.model import Table, Type

Out = TypeVar("Out", bound=BaseModel)

# A row's owner column, by the reader that every statement is bound by (`Principal.reader`).
OWNED: Final[LiteralString] = "(%(reads_all)s OR t.owner_id = %(reader)s)"
WRITABLE: Final[LiteralString] = "t.owner_id = %(reader)s"
EVERYBODY: Final[LiteralString] = "true"


@dataclass(frozen=True, slots=True)
class Collection(Generic[Out]):
    """A table that the API serves. `columns` are read into `out`, by name; computed ones go into `extra`.

    `readable` and `writable` are the predicates that every read and write starts from; they speak of the row as `t`
    and are bound by `Principal.reader`. A filter without a predicate here compares the column of its name;
    a sort goes by the column of its name, or by the number that `numbers` has under it.
    """

    table: Table
    out: type[Out]
    noun: str
    readable: LiteralString = OWNED
    writable: LiteralString = WRITABLE
    extra: Mapping[str, LiteralString] = field(default_factory=dict)
    predicates: Mapping[str, LiteralString] = field(default_factory=dict)
    numbers: Mapping[str, LiteralString] = field(default_factory=dict)
    is_versioned: bool = True

    @property
    def name(self) -> sql.Identifier:
        """The table's quoted name."""
        return sql.Identifier(self.table.layer, self.table.short_name)

    @property
    def select(self) -> sql.Composed:
        """SELECT of what `out` shows, FROM the table as t."""
        shown = [name for name in self.out.model_fields if name not in self.extra]
        columns = [sql.SQL("t.{}").format(sql.Identifier(name)) for name in shown]
        computed = [
            sql.SQL("{} AS {}").format(sql.SQL(text), sql.Identifier(name)) for name, text in self.extra.items()
        ]
        return sql.SQL("SELECT {} FROM {} AS t").format(sql.SQL(", ").join([*columns, *computed]), self.name)

    def sort_key(self, name: str) -> tuple[sql.Composable, Type]:
        """What rows are sorted by, and its type."""
        if name in self.numbers:
            return sql.SQL(self.numbers[name]), Type.DECIMAL
        return sql.SQL("t.{}").format(sql.Identifier(name)), self.table.column(name).type

    def predicate(self, filter_name: str) -> sql.Composed:
        """The condition that a given filter sets."""
        if filter_name in self.predicates:
            return sql.Composed([sql.SQL(self.predicates[filter_name])])
        return sql.SQL("t.{} = {}").format(sql.Identifier(filter_name), sql.Placeholder(filter_name))
