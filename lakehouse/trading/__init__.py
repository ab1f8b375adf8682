"""Orders: their states and moves, and the checks before a trade. Pure: no engine, no clock."""
