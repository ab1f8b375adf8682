"""The quotes: ticks to TimescaleDB, bars and latest prices, and on to whoever listens."""
