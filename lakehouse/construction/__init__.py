"""What a portfolio should hold: target weights, the trades that reach them, and what they cost. Pure."""
