"""The batch job rebalance_daily."""
