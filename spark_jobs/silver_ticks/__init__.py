"""The batch job silver_ticks."""
