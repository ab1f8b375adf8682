"""Positions: units held, the fold of the transactions, read-only."""
