"""Lots: what a purchase still holds; the fold of the transactions, read-only."""
