"""What every resource shares: problems, paging, limits, metrics, documentation."""
