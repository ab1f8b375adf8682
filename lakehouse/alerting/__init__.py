"""Marks, rules and alerts of the hot path: pure functions of ticks in columns. Nothing here reads, writes or waits."""
