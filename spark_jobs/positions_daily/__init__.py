"""The batch job positions_daily."""
