"""Where data enters the platform: a market's file, the demo's real closes and simulated ticks, as Kafka messages."""
