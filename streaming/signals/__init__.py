"""The process that turns trading signals into orders of portfolios that opted in."""
