"""Reports on what the lake and its marts hold."""
