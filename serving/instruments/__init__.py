"""Instruments: what can be held or quoted."""
