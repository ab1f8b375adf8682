"""Contracts in each engine's own form: pure functions from a contract to a schema or a statement."""
