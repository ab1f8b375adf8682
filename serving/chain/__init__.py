"""The chain: coins that move in the ledger, and blocks that prove what moved."""
