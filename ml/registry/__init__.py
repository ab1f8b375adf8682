"""Registered models: what is put in, which version is in use, and who decided that."""
