"""The batch job bars_1m."""
