"""Checks of payments, trades and customers: features in, a score in [0, 1] with its reasons out. Pure."""
