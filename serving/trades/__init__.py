"""Trades: orders in the short form, and the executions that they led to."""
