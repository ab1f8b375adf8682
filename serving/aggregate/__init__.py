"""Everything that a user holds, in one answer."""
