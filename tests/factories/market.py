"""A random market and book for tests of the risk job's own parts."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa

from lakehouse.contracts.render.arrow import schema
from lakehouse.contracts.tables.gold import RETURNS_DAILY
from lakehouse.contracts.tables.silver import POSITIONS
from spark_jobs.kit.holdings import Portfolio
from spark_jobs.var_batch.book import Book

DAY = date(2022, 12, 28)


def closes(prices: dict[str, list[str]], currency: str = "USD") -> pa.Table:
    """Rows of gold.returns_daily_v1 on consecutive days, the last of them DAY, with the returns of these prices."""
    rows = [
        {
            "symbol": symbol,
            "business_date": DAY - timedelta(days=len(texts) - 1 - number),
            "previous_date": DAY - timedelta(days=len(texts) - number),
            "currency": currency,
            "close": Decimal(text),
            "simple_return": float(Decimal(text) / Decimal(texts[number - 1]) - 1) if number else 0.0,
        }
        for symbol, texts in prices.items()
        for number, text in enumerate(texts)
    ]
    names = ("symbol", "business_date", "previous_date", "currency", "close", "simple_return")
    return pa.Table.from_pylist(rows, pa.schema([schema(RETURNS_DAILY).field(name) for name in names]))


def holdings(*lines: tuple[str, str, str, str]) -> pa.Table:
    """Rows of silver.positions_v1: (portfolio, base currency, symbol, quantity)."""
    names = ("portfolio_id", "portfolio_name", "base_currency", "symbol", "quantity")
    fields = [schema(POSITIONS).field(name) for name in names]
    rows = [(f"id-{name}", name, currency, symbol, Decimal(quantity)) for name, currency, symbol, quantity in lines]
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], pa.schema(fields))


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
