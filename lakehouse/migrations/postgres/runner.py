"""Bring a PostgreSQL database to the newest migration."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from psycopg import sql
from sqlalchemy import Connection, NullPool, create_engine, text

from lakehouse.contracts.model import Store, Table
from lakehouse.contracts.render import postgres as render
from lakehouse.contracts.tables import tables_in
from lakehouse.errors import TidemarkError
from lakehouse.settings import Settings
from lakehouse.stores import postgres

VERSION_SCHEMA = "ops"
VERSION_TABLE = "schema_version"
LOCK_KEY = 7_406_371_822_514_001
LOCK_TIMEOUT = "120s"


class MigrationError(TidemarkError):
    """The database and the code's migrations cannot be brought together."""


def upgrade(settings: Settings) -> list[str]:
    """Run the steps that the database lacks and return their names, oldest first. Idempotent, safe in a race.

    Blocks while another process migrates, two minutes at most. Raises MigrationError where the database is at a
    step that this code does not know; psycopg and SQLAlchemy errors pass through with the failing statement.
    """
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: postgres.connect(settings.postgres), poolclass=NullPool
    )
    with engine.connect() as connection:
        _lock(connection)
        applied = _run_steps(connection, settings.postgres.dsn)
        _describe(connection)
    return applied


def _lock(connection: Connection) -> None:
    """A session lock: closing the connection releases it, also when this process is killed."""
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text(f"SELECT pg_advisory_lock({LOCK_KEY})"))
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {VERSION_SCHEMA}"))
    connection.commit()


def _run_steps(connection: Connection, dsn: str) -> list[str]:
    applied: list[str] = []
    config = Config(attributes={"connection": connection, "applied": applied})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise MigrationError(
            f"{dsn}: {error}. Run the version of Tidemark that last migrated it, or a newer one"
        ) from error
    connection.commit()
    return applied


def _describe(connection: Connection) -> None:
    """Write the contracts' documentation into the catalogue, where analysts and BI tools read it."""
    for table in tables_in(Store.POSTGRES):
        for statement in _comments(table):
            connection.exec_driver_sql(statement.as_string().replace("%", "%%"))
    connection.commit()


def _comments(table: Table) -> list[sql.Composed]:
    name = sql.Identifier(table.layer, table.short_name)
    whole = sql.SQL("COMMENT ON TABLE {} IS {}").format(name, sql.Literal(f"{table.doc} Grain: {table.grain}."))
    each = [
        sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(name, sql.Identifier(column.name), sql.Literal(column.comment))
        for column in render.columns(table)
    ]
    return [whole, *each]
