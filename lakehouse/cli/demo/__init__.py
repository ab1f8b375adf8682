"""`tidemark demo`: from real prices to a served VaR, through every part of the platform."""
