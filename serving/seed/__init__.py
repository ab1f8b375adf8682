"""A whole portfolio from one document."""
