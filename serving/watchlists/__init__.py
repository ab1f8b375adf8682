"""Watchlists and their items: instruments that a user follows."""
