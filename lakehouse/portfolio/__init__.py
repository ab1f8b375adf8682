"""What a portfolio is and was worth: transactions, lots, valuation and performance. Pure: no engine, no clock."""
