"""PostgreSQL's migrations: SQL in numbered steps, run forward only under one lock."""

from lakehouse.migrations.postgres.runner import MigrationError, upgrade

__all__ = ["MigrationError", "upgrade"]
