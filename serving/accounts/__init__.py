"""Accounts: what holds money, and the rules by which lots are closed."""
