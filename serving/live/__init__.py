"""What a portfolio is worth at this moment, and what it made or lost today."""
