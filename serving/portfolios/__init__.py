"""Portfolios and what they hold, from PostgreSQL."""
