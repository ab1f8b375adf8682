"""The relay: events of ops.outbox to Kafka, at least once."""
