"""Customers: people whom a user serves, each with the score of the identity check."""
