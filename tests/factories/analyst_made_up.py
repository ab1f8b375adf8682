"""The part of the analysts' marts that is made up: minute bars by a seed, and what was loaded when."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

import numpy as np

from tests.factories.rows import Row


def bars() -> list[Row]:
    """Half an hour of two symbols on two days; one minute of each has trades without volume."""
    return list(_bars())


def loads() -> list[Row]:
    """Returns of two years, one of them loaded twice; risk of two days."""
    return list(_loads())


def idle_proposal(day: dt.date) -> Row:
    """Of a portfolio without holdings here: there is nothing to trade, whatever else the row says."""
    return {
        "business_date": day,
        "portfolio_id": UUID("00000000-0000-7000-8000-000000000003"),
        "portfolio_name": "Idle",
        "base_currency": "USD",
        "status": "within_bands",
        "value_base": Decimal(50_000),
        "cost_base": Decimal(100),
        "tax_base": Decimal(10),
        "trade_count": 0,
        "run_id": f"run of {day}",
    }


def _bars() -> Iterable[Row]:
    random = np.random.default_rng(7)
    for day in (dt.date(2020, 3, 30), dt.date(2020, 3, 31)):
        for symbol in ("AAPL", "KO"):
            for minute in range(30):
                low, high = np.sort(random.uniform(99, 101, 2))
                volume = 0.0 if minute == 11 else float(random.integers(100, 900))
                yield {
                    "event_date": day,
                    "symbol": symbol,
                    "bar_start": dt.datetime(day.year, day.month, day.day, 14, 30 + minute, tzinfo=dt.UTC),
                    "open": low,
                    "high": high,
                    "low": low,
                    "close": high,
                    "volume": volume,
                    "vwap": float(low + high) / 2 if volume else None,
                    "trade_count": int(volume // 50) + 1,
                }


def _loads() -> Iterable[Row]:
    told = [
        ("gold.returns_daily_v1", "2019", 3, 900, 1),
        ("gold.returns_daily_v1", "2020", 3, 990, 1),
        ("gold.returns_daily_v1", "2020", 4, 1000, 2),
        ("gold.portfolio_risk_v1", "2020-03-30", 6, 8, 1),
        ("gold.portfolio_risk_v1", "2020-03-31", 7, 9, 3),
    ]
    for name, partition, version, count, hour in told:
        yield {
            "table_name": name,
            "partition_value": partition,
            "delta_version": version,
            "row_count": count,
            "content_hash": f"{partition}-{version}",
            "run_id": f"load {version}",
            "loaded_at": dt.datetime(2020, 4, 1, hour, tzinfo=dt.UTC),
        }
