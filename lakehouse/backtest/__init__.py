"""What a strategy would have earned, without seeing the future: one engine in two gears. Pure."""
