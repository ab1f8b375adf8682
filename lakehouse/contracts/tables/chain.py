"""Blocks and their transactions, in PostgreSQL."""

from lakehouse.contracts.model import Table

TABLES: tuple[Table, ...] = ()
