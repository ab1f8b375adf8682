"""A random market and book for tests of the risk job's own parts."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from spark_jobs.var_batch.book import Book, Portfolio


def random_book(*, returns: int, instruments: int = 5, portfolios: int = 3, seed: int = 3) -> Book:
    """Seeded normal returns on consecutive days, and exposures of either sign."""
    random = np.random.default_rng(seed)
    exposures = random.normal(0, 10_000, (instruments, portfolios))
    return Book(
        portfolios=tuple(Portfolio(f"p{n}", f"portfolio {n}", "USD") for n in range(portfolios)),
        symbols=tuple(f"S{n}" for n in range(instruments)),
        dates=tuple(date(2022, 1, 1) + timedelta(days=n) for n in range(returns)),
        returns=random.normal(0, 0.01, (returns, instruments)),
        exposures=exposures,
        values=tuple(Decimal(f"{total:.2f}") for total in exposures.sum(axis=0)),
        dropped=0,
    )
