"""The master table of symbols, its history and bars, in PostgreSQL."""

from lakehouse.contracts.model import Table

TABLES: tuple[Table, ...] = ()
