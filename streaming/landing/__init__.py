"""Kafka to Delta bronze, exactly once (ADR 0001)."""
