"""Orders at brokers: sent at most once, asked for after any doubt, booked as filled, compared before trading."""
