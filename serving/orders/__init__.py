"""Orders: placed, replaced, canceled and, for simulations, filled."""
