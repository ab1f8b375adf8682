"""Who a caller is: passwords, tokens, sessions and API keys."""
