"""Weights for portfolios: who waits for them, what came of it, and asking again."""
