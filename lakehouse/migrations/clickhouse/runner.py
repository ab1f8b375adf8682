"""Bring the marts' database to the newest migration, and remember which file did what."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client

from lakehouse.clock import Clock, SystemClock
from lakehouse.contracts.render.clickhouse import quote_name
from lakehouse.errors import TidemarkError
from lakehouse.settings import Settings
from lakehouse.stores import clickhouse

RECORD_TABLE = "schema_migration"
_FILE_NAME = re.compile(r"(?P<version>\d{4})_[a-z0-9_]+\Z")
_RECORD_DDL = f"""
CREATE TABLE IF NOT EXISTS {RECORD_TABLE}
(
    version UInt16 COMMENT 'number of the file',
    name String COMMENT 'its name without the ending',
    checksum String COMMENT 'sha256 of its text, hexadecimal',
    applied_at DateTime64(6, 'UTC') COMMENT 'when its last statement had run'
)
ENGINE = MergeTree
ORDER BY version
COMMENT 'Migrations that made this database what it is'
"""


class MigrationError(TidemarkError):
    """The database and the code's migrations cannot be brought together."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A numbered file. Its statements are idempotent: one that was cut off half-way is simply run again."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> tuple[str, ...]:
        """The statements in order: each ends with a semicolon at the end of a line."""
        return tuple(part.strip() for part in re.split(r";[ \t]*(?:\n|\Z)", self.text) if part.strip())


def upgrade(settings: Settings, *, clock: Clock | None = None) -> list[str]:
    """Run the files that the database lacks and return their names, oldest first. Idempotent.

    Creates the database where it is missing. Raises MigrationError where an applied file was changed, or where the
    database knows a file that this code does not; clickhouse_connect's errors pass through.
    """
    database = settings.clickhouse.database
    with clickhouse.connect(settings.clickhouse, database="default") as client:
        client.command(f"CREATE DATABASE IF NOT EXISTS {quote_name(database)}")
    with clickhouse.connect(settings.clickhouse) as client:
        client.command(_RECORD_DDL)
        rows = client.query(f"SELECT version, name, checksum FROM {RECORD_TABLE}").result_rows  # noqa: S608  the name is a constant
        applied = {int(version): (str(name), str(checksum)) for version, name, checksum in rows}
        todo = pending(load(Path(__file__).parent), applied)
        for migration in todo:
            _apply(client, migration, clock or SystemClock())
    return [migration.name for migration in todo]


def load(folder: Path) -> tuple[Migration, ...]:
    """The files of `folder` by number. Raises MigrationError for a bad name, a gap or a number taken twice."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        matched = _FILE_NAME.match(path.stem)
        if matched is None:
            raise MigrationError(f"{path.name}: call a migration NNNN_what_it_does.sql")
        found.append(Migration(int(matched["version"]), path.stem, path.read_text()))
    numbers = [migration.version for migration in found]
    if numbers != list(range(1, len(numbers) + 1)):
        raise MigrationError(f"migrations must be numbered 0001, 0002, ... without gap or double: found {numbers}")
    return tuple(found)


def pending(known: Sequence[Migration], applied: Mapping[int, tuple[str, str]]) -> tuple[Migration, ...]:
    """The migrations still to run, given (name, checksum) by number of those that ran. Raises MigrationError."""
    numbers = {migration.version for migration in known}
    for version, (name, _) in sorted(applied.items()):
        if version not in numbers:
            raise MigrationError(f"the database has run {name}, which this code does not know: run a newer Tidemark")
    todo = []
    for migration in known:
        ran = applied.get(migration.version)
        if ran is None:
            todo.append(migration)
        elif ran != (migration.name, migration.checksum):
            message = f"{migration.name}.sql was changed after it ran (as {ran[0]}): restore it"
            raise MigrationError(f"{message}, and put the change in a new file")
    return tuple(todo)


def _apply(client: Client, migration: Migration, clock: Clock) -> None:
    for statement in migration.statements:
        client.command(statement)
    client.insert(
        RECORD_TABLE,
        [[migration.version, migration.name, migration.checksum, clock.now()]],
        column_names=["version", "name", "checksum", "applied_at"],
    )
