"""Observed prices, bars, exchange rates, and how the providers do."""
