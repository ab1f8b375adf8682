"""Judging models: splits, scores, tests, and the gate before a promotion."""
