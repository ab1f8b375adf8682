"""Transactions: what happened in a portfolio, booked once, reversed where it was wrong."""
