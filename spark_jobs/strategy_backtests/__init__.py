"""The batch job strategy_backtests."""
