"""ClickHouse's migrations: numbered SQL files, run forward only through the HTTP interface."""

from lakehouse.migrations.clickhouse.runner import MigrationError, upgrade

__all__ = ["MigrationError", "upgrade"]
