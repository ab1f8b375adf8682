"""Benchmarks: each workload beside a peer and beside the limit that physics, or another program, sets."""
