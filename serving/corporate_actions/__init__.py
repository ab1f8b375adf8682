"""What companies did to their shares."""
