"""Fetch or build each engine once into the per-user cache, from the package registries of this machine."""
