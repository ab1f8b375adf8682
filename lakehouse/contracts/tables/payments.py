"""Payments and their settlements, in PostgreSQL."""

from lakehouse.contracts.model import Table

TABLES: tuple[Table, ...] = ()
