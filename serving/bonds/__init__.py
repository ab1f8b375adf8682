"""Bonds: the terms of instruments that are bonds."""
