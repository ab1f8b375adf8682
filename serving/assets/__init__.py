"""Assets: what a user holds, added up over portfolios."""
