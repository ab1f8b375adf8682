"""Proposals to rebalance, and the policies that they are made under."""
