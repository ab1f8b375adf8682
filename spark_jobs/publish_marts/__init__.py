"""The batch job publish_marts."""
