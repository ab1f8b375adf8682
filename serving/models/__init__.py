"""Registered models, and forecasts by the one in use."""
