"""Cash transactions: the movements of money alone, a view of the transactions."""
