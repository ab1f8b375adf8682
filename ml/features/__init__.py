"""What models see: arrays of what was known at a moment, and of nothing later. Pure."""
