"""Proposals that become orders: when their owner confirms them, or by themselves where the policy says so."""
