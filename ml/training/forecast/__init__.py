"""The forecast of next-day returns: quantiles and volatility by a small network, against statistics and naive ones."""
