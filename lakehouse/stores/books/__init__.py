"""Writes of the books in PostgreSQL, each inside its caller's transaction: the API and the hot path share them."""
