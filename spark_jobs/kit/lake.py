"""Delta tables as Spark jobs meet them: created from contracts, read at pinned versions, replaced by predicate."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from lakehouse.contracts.model import Engine, Table
from lakehouse.contracts.render import spark as render
from lakehouse.settings import S3Settings
from lakehouse.stores import delta, spark
from spark_jobs.kit.errors import DataError, UnavailableError
from spark_jobs.kit.model import Scope

HISTORY_DEPTH = 50


class MissingTableError(DataError):
    """An input table does not exist yet. Carries its name."""

    def __init__(self, table: Table) -> None:
        self.table = table.name
        super().__init__(f"{table.name} does not exist yet: run what writes it first ({table.writer})")


class SchemaMismatchError(DataError):
    """A computed frame does not have the columns of the contract. Carries the table's name."""

    def __init__(self, table: Table, differences: list[str]) -> None:
        self.table = table.name
        super().__init__(f"{table.name}: the job computed other columns than its contract: {'; '.join(differences)}")


class CommitNotFoundError(UnavailableError):
    """Delta's history does not show this run's commit."""


@dataclass(frozen=True, slots=True)
class Newest:
    """A table's newest version, and the id that the table got when it was created."""

    version: int
    table_id: str


class Lake:
    """The lake through one Spark session; versions and statistics are read from the log by delta-rs."""

    def __init__(self, session: SparkSession, section: S3Settings) -> None:
        self.session = session
        self.section = section

    def version(self, table: Table) -> int:
        """The newest version of `table`. Raises MissingTableError."""
        return self.newest(table).version

    def newest(self, table: Table) -> Newest:
        """The newest version of `table` and its id. Raises MissingTableError."""
        found = self._opened(table)
        return Newest(int(found.version()), str(found.metadata().id))

    def exists(self, table: Table) -> bool:
        """Whether `table` has a Delta log."""
        try:
            self.version(table)
        except MissingTableError:
            return False
        return True

    def has_contract_schema(self, table: Table) -> bool:
        """Whether `table` has exactly its contract's columns and types, in order; one that does not exist yet will."""
        try:
            held = json.loads(self._opened(table).schema().to_json())
        except MissingTableError:
            return True
        return _columns(held) == _columns(render.struct(table))

    def at(self, table: Table, version: int) -> DataFrame:
        """`table` as of `version`, with the contract's columns in order."""
        reader = self.session.read.format("delta").option("versionAsOf", version)
        return reader.load(spark.uri(self.section, table)).select(*table.column_names)

    def create(self, table: Table) -> None:
        """Create `table` from its contract where it does not exist: NOT NULL columns, checks as Delta constraints,
        retention, no deletion vectors (ClickHouse would over-count). Idempotent."""
        if table.writer is not Engine.SPARK:
            raise DataError(f"{table.name} is written by {table.writer}: a Spark job must not create it")
        if not self.exists(table):
            self.session.sql(ddl(table, spark.uri(self.section, table)))

    def keep_retention(self, table: Table) -> bool:
        """Make the retention of an existing table that of its contract; return whether it was another. Idempotent."""
        if not delta.lacks_retention(delta.open_table(self.section, table), table):
            return False
        told = ", ".join(f"'{name}' = '{value}'" for name, value in delta.retention(table).items())
        address = spark.uri(self.section, table)
        self.session.sql(f"ALTER TABLE delta.`{address}` SET TBLPROPERTIES ({told})")
        return True

    def is_crowded(self, table: Table) -> bool:
        """Whether a partition of `table` has more than one file, by the log."""
        files = self._opened(table).get_add_actions(flatten=True)
        column = f"partition.{table.partition_by}"
        return files.num_rows > (len(set(files[column].to_pylist())) if table.partition_by else 1)

    def has_leftovers(self, table: Table) -> bool:
        """Whether `table` has files past its retention that no version within it names, by their listing."""
        return bool(self._opened(table).vacuum(dry_run=True, full=True))

    def rows_in(self, table: Table, values: tuple[str, ...], version: int | None = None) -> dict[str, int]:
        """Rows in those partitions that have any, by the log's statistics, at `version` or at the newest."""
        files = delta.open_table(self.section, table, version=version).get_add_actions(flatten=True)
        column = f"partition.{table.partition_by}"
        held: dict[str, int] = {}
        for value, rows in zip(files[column].to_pylist(), files["num_records"].to_pylist(), strict=True):
            if str(value) in values:
                held[str(value)] = held.get(str(value), 0) + int(rows)
        return held

    def replace(self, table: Table, frame: DataFrame, scope: Scope, run_id: str) -> int:
        """Replace the rows of `scope` by `frame` in one commit and return the version that this commit made."""
        writer = frame.select(*table.column_names).write.format("delta").mode("overwrite")
        (
            writer.option("replaceWhere", scope.predicate)
            .option("userMetadata", json.dumps({"run_id": run_id}))
            .save(spark.uri(self.section, table))
        )
        return self._committed(table, run_id)

    def _opened(self, table: Table) -> DeltaTable:
        try:
            return delta.open_table(self.section, table)
        except TableNotFoundError as error:
            raise MissingTableError(table) from error

    def _committed(self, table: Table, run_id: str) -> int:
        for commit in delta.open_table(self.section, table).history(HISTORY_DEPTH):
            if run_of(commit) == run_id:
                return int(commit["version"])
        raise CommitNotFoundError(
            f"the last {HISTORY_DEPTH} commits of {table.name} hold none of run {run_id}: does something else write it?"
        )


def _columns(struct: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(found["name"]), str(found["type"])) for found in struct["fields"]]


def run_of(commit: Mapping[str, Any]) -> str | None:
    """The run id in a commit's userMetadata, or None for a commit that no job made."""
    try:
        told = json.loads(commit.get("userMetadata") or "{}")
    except json.JSONDecodeError:
        return None
    return str(told["run_id"]) if isinstance(told, dict) and "run_id" in told else None


def ddl(table: Table, address: str) -> str:
    """CREATE TABLE for Spark SQL."""
    columns = ", ".join(
        f"`{column.name}` {render.data_type(column)}{'' if column.nullable else ' NOT NULL'}"
        for column in table.columns
    )
    properties = {
        **delta.retention(table),
        "delta.enableDeletionVectors": "false",
        **{f"delta.constraints.check_{position}": check for position, check in enumerate(table.checks, start=1)},
    }
    told = ", ".join(f"'{name}' = '{_quoted(value)}'" for name, value in properties.items())
    partitioned = f" PARTITIONED BY (`{table.partition_by}`)" if table.partition_by else ""
    return f"CREATE TABLE IF NOT EXISTS delta.`{address}` ({columns}) USING delta{partitioned} TBLPROPERTIES ({told})"


def require_schema(table: Table, found: StructType) -> None:
    """Raises SchemaMismatchError unless `found` has every column of `table` with its type."""
    types = {field.name: field.dataType.simpleString() for field in found.fields}
    wanted = {field.name: field.dataType.simpleString() for field in spark.schema(table).fields}
    wrong = [
        f"{name} is {types.get(name, 'absent')}, not {kind}" for name, kind in wanted.items() if types.get(name) != kind
    ]
    if wrong:
        raise SchemaMismatchError(table, wrong)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
