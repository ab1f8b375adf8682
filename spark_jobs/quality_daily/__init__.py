"""The batch job quality_daily."""
