"""Alerts: rules that were broken, and whether their owner has seen it."""
