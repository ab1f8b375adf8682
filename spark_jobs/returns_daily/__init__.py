"""The batch job returns_daily."""
