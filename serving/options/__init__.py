"""Options: the terms of instruments that are options."""
