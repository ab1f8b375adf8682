"""The job allocate_portfolios."""
