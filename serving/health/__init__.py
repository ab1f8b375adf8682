"""Is the process alive, and does each engine it needs answer?"""
