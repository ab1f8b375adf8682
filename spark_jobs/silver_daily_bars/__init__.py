"""The batch job silver_daily_bars."""
