"""Values of portfolios at the closes of past days: computed, never written by a client."""
