"""Customers, preferences, watchlists, bonds, options, assets and objectives, in PostgreSQL."""

from lakehouse.contracts.model import Table

TABLES: tuple[Table, ...] = ()
