"""The part of the analysts' marts that is made up: minute bars by a seed, strategies, and what was loaded when."""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from uuid import UUID

import numpy as np

from tests.factories.rows import Row

BENCHMARK = "hold_jpm"


def bars() -> list[Row]:
    """Half an hour of two symbols on two days; one minute of each has trades without volume."""
    return list(_bars())


def loads() -> list[Row]:
    """Returns of two years, one of them loaded twice; risk of two days."""
    return list(_loads())


def runs(first: dt.date, lasts: Sequence[dt.date]) -> list[Row]:
    """The trials of four strategies and their walk-forwards, for which the history of one of them is too short. Of
    each, the trial that is not the best one looks better in every other number; sharper as time goes on."""
    return list(_runs(first, lasts))


def relative(lasts: Sequence[dt.date]) -> list[Row]:
    """Two walk-forwards against the third one; better as time goes on. A trial's numbers are none of theirs."""
    return list(_relative(lasts))


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


def _runs(first: dt.date, lasts: Sequence[dt.date]) -> Iterable[Row]:
    told = {
        "hold_aapl": (6, 1.4, {"walk_forward": (0.9, 0.97)}),
        "hold_jpm": (2, 0.8, {"walk_forward": (0.1, 0.40)}),
        "hold_ko": (3, 2.4, {}),
        "hold_xom": (12, 2.1, {"walk_forward": (1.6, 0.95)}),
    }
    for age, last in enumerate(lasts):
        for strategy, (trials, best, walked) in told.items():
            results = {"trial": (best, 0.99), **walked}
            kinds = [(kind, 0, True, *numbers) for kind, numbers in results.items()]
            for kind, trial, is_best, sharpe, deflated in (*kinds, ("trial", 1, False, 9.0, 0.999)):
                yield {
                    "business_date": last,
                    "strategy": strategy,
                    "kind": kind,
                    "trial": trial,
                    "is_best": is_best,
                    "first_date": first,
                    "last_date": last,
                    "trials": trials if is_best else 99,
                    "sharpe": sharpe + age / 10,
                    "probabilistic_sharpe": 0.9999,
                    "deflated_sharpe": deflated,
                    "run_id": "weekly",
                }


def _relative(lasts: Sequence[dt.date]) -> Iterable[Row]:
    told = {"hold_aapl": (0.12, 1.3, 0.7), "hold_xom": (-0.08, 0.9, -0.4)}
    for age, last in enumerate(lasts):
        for strategy, (excess, beta, information) in told.items():
            for kind in ("walk_forward", "trial"):
                yield {
                    "business_date": last,
                    "strategy": strategy,
                    "kind": kind,
                    "benchmark": BENCHMARK,
                    "benchmark_return": 0.05,
                    "excess_return": excess + age / 100 if kind == "walk_forward" else 9.0,
                    "beta": beta,
                    "alpha": 0.01,
                    "tracking_error": 0.2,
                    "information_ratio": information,
                    "run_id": "weekly",
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
