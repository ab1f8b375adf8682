"""Settlements: how payments that leave the platform end outside."""
