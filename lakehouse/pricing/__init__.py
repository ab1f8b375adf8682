"""What one instrument is worth and how that moves: options and bonds, as pure functions."""
