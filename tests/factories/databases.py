"""Databases of one server: a migrated template, and copies of it that cost a tenth of a second each."""

from uuid import uuid4

from psycopg import sql

from lakehouse.migrations import postgres as migrations
from lakehouse.settings import PostgresSettings, Settings
from lakehouse.stores import postgres

TEMPLATE = "tidemark_template"


def template(settings: Settings) -> None:
    """Make the template on the server of `settings`: every migration, no rows but those of the migrations."""
    _create(settings.postgres, TEMPLATE, "template0")
    migrations.upgrade(of(settings, TEMPLATE))


def fresh(settings: Settings, *, name: str = "") -> Settings:
    """Settings of a new database that equals the template; `name` for one that must be called like another server's."""
    name = name or f"test_{uuid4().hex}"
    _create(settings.postgres, name, TEMPLATE)
    return of(settings, name)


def of(settings: Settings, database: str) -> Settings:
    """The same settings for another database of the server."""
    return settings.model_copy(update={"postgres": settings.postgres.model_copy(update={"database": database})})


def _create(section: PostgresSettings, name: str, source: str) -> None:
    with postgres.connect(section.model_copy(update={"database": "postgres"})) as connection:
        connection.autocommit = True
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(source))
        )
