"""Everything that a portfolio's books hold, as files."""
