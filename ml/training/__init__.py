"""Fits models on pinned data and hands them to the registry, each run as a job."""
