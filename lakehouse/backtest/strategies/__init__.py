"""Strategies: what was known at each close becomes weights of equity to hold from the next day on."""
