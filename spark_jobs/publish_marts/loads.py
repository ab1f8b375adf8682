"""Gold partitions into ClickHouse: pulled at a pinned Delta version, checked against their manifests, swapped in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from lakehouse.contracts.model import Table, Type
from lakehouse.contracts.render.clickhouse import quote_name
from lakehouse.settings import Settings
from lakehouse.stores import delta
from spark_jobs.kit.errors import DataError, UnavailableError
from spark_jobs.kit.fingerprint import measures
from spark_jobs.kit.manifest import PartitionRecord
from spark_jobs.kit.run import OnStep

STAGING = "_load_"
SOURCE = "deltaLake({url:String}, {access_key:String}, {secret_key:String})"


class MartMismatchError(DataError):
    """ClickHouse read something else than what was published. Carries `table` and `partition`."""

    def __init__(self, table: Table, partition: str, difference: str) -> None:
        self.table, self.partition = table.name, partition
        super().__init__(
            f"{table.name}, partition {partition}: ClickHouse pulled {difference} than its run manifest says; nothing "
            "was swapped in. Run what writes the table again, then publish_marts"
        )


class PullFailedError(UnavailableError):
    """ClickHouse could not do its part. The message holds no credentials."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One partition of a mart: its rows and ClickHouse's own content hash."""

    rows: int
    content_hash: str


@dataclass(frozen=True, slots=True)
class Mart:
    """One gold table's copy in ClickHouse. Its database is the client's."""

    client: Client
    settings: Settings
    table: Table

    @property
    def name(self) -> str:
        return quote_name(self.table.short_name)

    @property
    def partition(self) -> str:
        return quote_name(self.table.partition_by or "")

    def rows(self) -> dict[str, int]:
        """Rows in each partition that has any."""
        found = self.client.query(
            "SELECT toString({partition:Identifier}), count() FROM {mart:Identifier} GROUP BY 1",
            parameters={"partition": self.table.partition_by or "", "mart": self.table.short_name},
        )
        return {value: int(rows) for value, rows in found.result_rows}

    def load(
        self, expected: Mapping[str, PartitionRecord], version: int, suffix: str, on_step: OnStep
    ) -> dict[str, Loaded]:
        """Replace the partitions in `expected` by those of Delta version `version`. Idempotent after a stop anywhere.

        Raises MartMismatchError before anything is swapped if counts or sums differ from `expected`.
        """
        staging = quote_name(f"{STAGING}{self.table.short_name}_{suffix}")
        self._drop_leftovers()
        self._command(f"CREATE TABLE {staging} AS {self.name}")
        on_step(f"pull {self.table.name}")
        self._pull(staging, tuple(expected), version)
        found = self._checked(staging, expected)
        on_step(f"swap {self.table.name}")
        self._command(f"ALTER TABLE {self.name} {', '.join(self._swap(value, staging, found) for value in expected)}")
        swapped = self._loaded(self.name, tuple(expected))
        if swapped != found:
            raise PullFailedError(f"{self.table.name}: the swap left {swapped} where {found} was checked; run again")
        self._command(f"DROP TABLE {staging}")
        return {value: found.get(value, Loaded(0, "")) for value in expected}

    def _drop_leftovers(self) -> None:
        prefix = f"{STAGING}{self.table.short_name}_"
        found = self.client.query(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, {prefix:String})",
            parameters={"prefix": prefix},
        )
        for (name,) in found.result_rows:
            self._command(f"DROP TABLE {quote_name(name)}")

    def _pull(self, staging: str, values: Sequence[str], version: int) -> None:
        columns = ", ".join(quote_name(name) for name in self.table.column_names)
        section = self.settings.s3
        endpoint = self.settings.clickhouse.s3_endpoint_url or section.endpoint_url
        # Bound parameters: the credentials are in no statement, and so in no log of statements.
        parameters = {
            "url": f"{endpoint}/{delta.path(section, self.table)}",
            "access_key": section.access_key,
            "secret_key": section.secret_key.get_secret_value(),
        }
        self._command(
            f"INSERT INTO {staging} ({columns}) SELECT {columns} FROM {SOURCE} "  # noqa: S608  contract names, quoted; values parsed
            f"WHERE {self.partition} IN ({self._listed(values)}) SETTINGS delta_lake_snapshot_version = {version:d}",
            parameters,
        )

    def _checked(self, staging: str, expected: Mapping[str, PartitionRecord]) -> dict[str, Loaded]:
        found = self._measured(staging)
        for value, record in expected.items():
            rows, sums, _ = found.get(value, (0, {}, ""))
            if rows != record.row_count:
                raise MartMismatchError(self.table, value, f"{rows} rows instead of {record.row_count}, other")
            if wrong := [label for label, total in sums.items() if total != Decimal(record.sums[label])]:
                raise MartMismatchError(self.table, value, f"another sum of {', '.join(wrong)}")
        return {value: Loaded(rows, content) for value, (rows, _, content) in found.items()}

    def _measured(self, staging: str) -> dict[str, tuple[int, dict[str, Decimal], str]]:
        wanted = measures(self.table)
        sums = ", ".join(f"toString({measure.clickhouse})" for measure in wanted)
        statement = f"SELECT {self._content}, {sums} FROM {staging} GROUP BY 1"  # noqa: S608  a contract's own sums
        rows = self.client.query(statement).result_rows
        labels = [measure.label for measure in wanted]
        return {
            # The sum of a column without a value is null here and 0 in the record; `.present` tells the two apart.
            value: (int(count), dict(zip(labels, (Decimal(each or 0) for each in totals), strict=True)), content)
            for value, count, content, *totals in rows
        }

    def _loaded(self, name: str, values: Sequence[str]) -> dict[str, Loaded]:
        found = self.client.query(
            f"SELECT {self._content} FROM {name} WHERE {self.partition} IN ({self._listed(values)}) GROUP BY 1"  # noqa: S608  parsed values
        )
        return {value: Loaded(int(count), content) for value, count, content in found.result_rows}

    @property
    def _content(self) -> str:
        # As a tuple: a row with a null has a hash like any other; without it, that hash would be null, and left out.
        return f"toString({self.partition}), count(), lower(hex(sum(cityHash64(tuple(*)))))"

    def _swap(self, value: str, staging: str, found: Mapping[str, Loaded]) -> str:
        literal = self._listed((value,))
        # An empty partition has nothing to be replaced by: it goes.
        return f"REPLACE PARTITION {literal} FROM {staging}" if value in found else f"DROP PARTITION {literal}"

    def _listed(self, values: Sequence[str]) -> str:
        """Partition values as literals. They come from ops.asset_status and are years or dates: anything else fails."""
        column = self.table.column(self.table.partition_by or "")
        if column.type is Type.INT32:
            return ", ".join(f"{int(value):d}" for value in values)
        return ", ".join(f"'{date.fromisoformat(value)}'" for value in values)

    def _command(self, statement: str, parameters: Mapping[str, str] | None = None) -> None:
        try:
            self.client.command(statement, parameters=dict(parameters) if parameters else None)
        except ClickHouseError as error:
            told = str(error)
            for secret in (parameters or {}).values():
                told = told.replace(secret, "***")
            raise PullFailedError(f"{self.table.name}: {told}") from None
