"""Prices and events by push: one hub a process, sockets and event streams, one protocol (ADR 0021)."""
