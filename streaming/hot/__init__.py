"""The hot path: market.ticks to marks, alerts and simulated fills, exactly once, within milliseconds."""
