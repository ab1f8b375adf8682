"""Risk metrics and risk computations on request, in PostgreSQL."""

from lakehouse.contracts.model import Table

TABLES: tuple[Table, ...] = ()
