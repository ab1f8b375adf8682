"""What a table, a topic and a job promise: plain frozen data, rendered elsewhere to each engine's own form."""

from dataclasses import dataclass, field
from enum import StrEnum

from lakehouse.errors import TidemarkError


class ContractError(TidemarkError):
    """A contract that contradicts itself, or a name that no contract has."""


class Type(StrEnum):
    """The closed set of logical column types. Timestamps are UTC with microseconds."""

    STRING = "string"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT64 = "float64"
    BOOL = "bool"
    DATE = "date"
    TIMESTAMP = "timestamp"
    BINARY = "binary"
    UUID = "uuid"
    JSON = "json"
    DECIMAL = "decimal"


class Store(StrEnum):
    """The engine that holds a table."""

    DELTA = "delta"
    CLICKHOUSE = "clickhouse"
    POSTGRES = "postgres"


class Engine(StrEnum):
    """The one engine allowed to write a Delta table (ADR 0002)."""

    DELTA_RS = "delta-rs"
    SPARK = "spark"


@dataclass(frozen=True, slots=True)
class Column:
    """A named, typed, described column. `unit` is empty where the type says it all."""

    name: str
    type: Type
    doc: str
    nullable: bool = False
    unit: str = ""
    precision: int = 0
    scale: int = 0

    def __post_init__(self) -> None:
        if (self.type is Type.DECIMAL) != (self.precision > 0):
            raise ContractError(f"column {self.name}: precision goes with decimal and with nothing else")


@dataclass(frozen=True, slots=True)
class Table:
    """A table's grain, columns and rules.

    `key` identifies a row; `partition_by` names the column that a batch replaces at once; `checks` are SQL
    predicates that every row satisfies, in the dialect that Spark, ClickHouse and PostgreSQL share. A table that
    names `stats_columns` carries file statistics of these columns only, by which readers skip files.
    """

    name: str
    doc: str
    grain: str
    owner: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    stores: tuple[Store, ...] = (Store.DELTA,)
    partition_by: str | None = None
    writer: Engine | None = None
    checks: tuple[str, ...] = ()
    stats_columns: tuple[str, ...] = ()
    retention_days: int = 400

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        missing = {*self.key, *self.stats_columns, *([self.partition_by] if self.partition_by else [])} - set(names)
        if missing or len(set(names)) != len(names):
            raise ContractError(
                f"table {self.name}: key, statistics or partition names {sorted(missing)} unknown, or a column twice"
            )
        if (Store.DELTA in self.stores) != (self.writer is not None):
            raise ContractError(
                f"table {self.name}: a Delta table has exactly one writer, and only a Delta table has one"
            )

    @property
    def layer(self) -> str:
        return self.name.split(".", 1)[0]

    @property
    def short_name(self) -> str:
        return self.name.split(".", 1)[1]

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column called `name`. Raises ContractError that lists the others."""
        for column in self.columns:
            if column.name == name:
                return column
        raise ContractError(f"table {self.name} has no column {name}: it has {', '.join(self.column_names)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A Kafka topic: its fields and how long the broker keeps its messages. `schema_id` travels in no header: a topic
    has one schema, and only additive changes are allowed."""

    name: str
    doc: str
    owner: str
    schema_id: int
    key: str
    event_time: str
    fields: tuple[Column, ...]
    examples: tuple[str, ...]
    retention_ms: int = 7 * 24 * 3600 * 1000
    producers: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic(Stream):
    """A stream that lands in a bronze table; a field that the contract does not know lands in its column `_extra`."""

    bronze: Table


@dataclass(frozen=True, slots=True)
class Job:
    """What a batch job reads and writes and how it is run (a JobSpec).

    `module` is started as `python -m MODULE --business-date D`, by a DAG and by `tidemark run` alike. `max_age_h` is
    how old its tables may get, in hours of days on which the market trades (`contracts.freshness`).
    """

    name: str
    doc: str
    module: str
    owner: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    pool: str = "spark"
    timeout_s: int = 1800
    retries: int = 2
    retry_delay_s: int = 10
    max_age_h: int = 30
    tier: str = "tier_1"
    grain: str = field(default="business_date")
