"""Alert rules: what a user wants to be told about positions, portfolios and symbols."""
