"""Alerts by e-mail: from Kafka to an SMTP server, each once that is noted, gathered where they come fast."""
