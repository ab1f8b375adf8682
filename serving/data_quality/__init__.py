"""What checks and scans have found in data."""
