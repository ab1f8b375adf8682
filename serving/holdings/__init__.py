"""Holdings: positions with their lots, what they cost and what they are worth."""
