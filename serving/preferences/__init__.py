"""Preferences: how a user wants to see things."""
