"""Signals: which portfolios follow them, and what came of each."""
