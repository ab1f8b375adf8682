"""The batch job optimize_lake."""
