"""The HTTP API: reads of portfolios and of published risk."""
