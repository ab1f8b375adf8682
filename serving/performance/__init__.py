"""Performance of a portfolio, explained, and the snapshot of everything that it is."""
